package contracttest

import (
	"testing"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var catalogContracts = []contract{
	{name: "catalog lists names and tags", run: catalogTags},
	{name: "catalog answers empty lists", run: catalogEmpty},
	{name: "health filters by tags and status", run: healthFilters},
	{name: "health by state", run: healthByState},
}

var blockingContracts = []contract{
	{name: "health of a service wakes for it only", run: healthWakes},
	{name: "health of an unknown service wakes when it comes", run: unknownServiceWakes},
	{name: "health by state wakes", run: stateWakes},
	{name: "health of a node wakes", run: nodeWakes},
	{name: "catalog wakes for registrations, not for checks", serial: true, run: catalogWakes},
}

func catalogTags(t *testing.T, e *env) {
	e.register(&api.AgentServiceRegistration{ID: e.name("1"), Name: e.name("web"), Tags: []string{"production", "blue"}})
	e.register(&api.AgentServiceRegistration{ID: e.name("2"), Name: e.name("web"), Tags: []string{"production", "green"}})
	e.register(&api.AgentServiceRegistration{Name: e.name("bare")})
	e.eventually(func(c *assert.CollectT) {
		services, _, err := e.catalog().Services(nil)
		assert.NoError(c, err)
		assert.ElementsMatch(c, []string{"production", "blue", "green"}, services[e.name("web")])
		assert.NotNil(c, services[e.name("bare")])
		assert.Empty(c, services[e.name("bare")])
	})
	rows, _, err := e.catalog().ServiceMultipleTags(e.name("web"), []string{"production", "green"}, nil)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, e.name("2"), rows[0].ServiceID)
}

// catalogEmpty keeps "nothing" apart from "no answer": lists are [], not null.
func catalogEmpty(t *testing.T, e *env) {
	for _, path := range []string{
		"/v1/health/service/", "/v1/catalog/service/", "/v1/health/checks/", "/v1/health/node/",
		"/v1/session/node/", "/v1/session/info/",
	} {
		status, body := e.request("GET", path+e.name("unknown"), "")
		require.Equal(t, 200, status, path)
		require.JSONEq(t, "[]", body, path)
	}
	e.register(&api.AgentServiceRegistration{Name: e.name("bare")})
	var body string
	e.eventually(func(c *assert.CollectT) {
		_, body = e.request("GET", "/v1/health/service/"+e.name("bare"), "")
		assert.Contains(c, body, e.name("bare"))
	})
	require.Regexp(t, `"Tags": ?\[\]`, body)
}

func healthFilters(t *testing.T, e *env) {
	name := e.name("web")
	for id, status := range map[string]string{"passing": api.HealthPassing, "warning": api.HealthWarning, "critical": api.HealthCritical} {
		e.register(&api.AgentServiceRegistration{
			ID: e.name(id), Name: name, Tags: []string{"production", id},
			Check: &api.AgentServiceCheck{TTL: "10m", Status: status},
		})
		e.awaitStatus(name, "service:"+e.name(id), status)
	}
	ids := func(passing bool, tags ...string) []string {
		t.Helper()
		entries, _, err := e.health().ServiceMultipleTags(name, tags, passing, nil)
		require.NoError(t, err)
		var found []string
		for _, entry := range entries {
			found = append(found, entry.Service.ID)
		}
		return found
	}
	require.ElementsMatch(t, []string{e.name("passing"), e.name("warning"), e.name("critical")}, ids(false))
	require.Equal(t, []string{e.name("passing")}, ids(true))
	require.Equal(t, []string{e.name("warning")}, ids(false, "production", "warning"))
	require.Empty(t, ids(true, "production", "warning"))
	require.Empty(t, ids(false, "passing", "warning"))
}

func healthByState(t *testing.T, e *env) {
	passing, critical := e.ttlService("good", api.HealthPassing), e.ttlService("bad", api.HealthCritical)
	ids := func(state, filter string) []string {
		t.Helper()
		checks, _, err := e.health().State(state, &api.QueryOptions{Filter: filter})
		require.NoError(t, err)
		return checkIDs(checks)
	}
	require.Subset(t, ids(api.HealthAny, ""), []string{passing, critical, "serfHealth"})
	require.Contains(t, ids(api.HealthCritical, ""), critical)
	require.NotContains(t, ids(api.HealthCritical, ""), passing)
	require.Contains(t, ids(api.HealthPassing, ""), passing)
	require.Contains(t, ids(api.HealthAny, "Status != passing"), critical)
	require.NotContains(t, ids(api.HealthAny, "Status != passing"), passing)
	require.Equal(t, []string{critical}, ids(api.HealthAny, `ServiceName == "`+e.name("bad")+`"`))
	_, _, err := e.health().State(api.HealthAny, &api.QueryOptions{Filter: "nonsense"})
	require.Error(t, err, "a filter is never ignored")
}

func (e *env) watchHealth(service string) *watcher {
	e.t.Helper()
	return e.watch(func(q *api.QueryOptions) (*api.QueryMeta, error) {
		_, meta, err := e.health().Service(service, "", false, q)
		return meta, err
	})
}

func healthWakes(t *testing.T, e *env) {
	check, other := e.ttlService("web", api.HealthPassing), e.ttlService("other", api.HealthPassing)
	web := e.watchHealth(e.name("web"))

	e.setTTL(e.name("other"), other, api.HealthCritical)
	e.register(&api.AgentServiceRegistration{Name: e.name("third")})
	web.sleeps("for other services")
	e.setTTL(e.name("web"), check, api.HealthCritical)
	web.wakes("for a check")
	web.settled()
	require.NoError(t, e.agent().CheckDeregister(check))
	web.wakes("for the loss of a check")
	web.settled()

	second := &api.AgentServiceRegistration{ID: e.name("web-2"), Name: e.name("web")}
	e.register(second)
	web.wakes("for an instance")
	web.settled()
	second.Tags = []string{"blue"}
	e.register(second)
	web.wakes("for a tag")
	web.settled()
	require.NoError(t, e.agent().ServiceDeregister(second.ID))
	web.wakes("for the loss of an instance")
	web.settled()
	require.NoError(t, e.agent().ServiceDeregister(e.name("web")))
	web.wakes("for the loss of the last instance")
}

func unknownServiceWakes(_ *testing.T, e *env) {
	web := e.watchHealth(e.name("web"))
	e.register(&api.AgentServiceRegistration{Name: e.name("other")})
	web.sleeps("for another service")
	e.register(&api.AgentServiceRegistration{Name: e.name("web")})
	web.wakes("for the first instance")
}

func stateWakes(_ *testing.T, e *env) {
	check := e.ttlService("web", api.HealthPassing)
	critical := e.watch(func(q *api.QueryOptions) (*api.QueryMeta, error) {
		_, meta, err := e.health().State(api.HealthCritical, q)
		return meta, err
	})
	e.setTTL(e.name("web"), check, api.HealthCritical)
	critical.wakes("for a check that turns critical")
	critical.settled()
	e.setTTL(e.name("web"), check, api.HealthPassing)
	critical.wakes("for a check that recovers")
}

func nodeWakes(t *testing.T, e *env) {
	check := e.ttlService("web", api.HealthPassing)
	node := e.node()
	checks := e.watch(func(q *api.QueryOptions) (*api.QueryMeta, error) {
		_, meta, err := e.health().Node(node, q)
		return meta, err
	})
	e.setTTL(e.name("web"), check, api.HealthCritical)
	checks.wakes("for a check of the node")
	checks.settled()
	require.NoError(t, e.agent().CheckDeregister(check))
	checks.wakes("for the loss of a check")
}

func catalogWakes(t *testing.T, e *env) {
	check := e.ttlService("web", api.HealthPassing)
	services := e.watch(func(q *api.QueryOptions) (*api.QueryMeta, error) {
		_, meta, err := e.catalog().Services(q)
		return meta, err
	})
	e.setTTL(e.name("web"), check, api.HealthCritical)
	services.sleeps("for a check")
	e.register(&api.AgentServiceRegistration{Name: e.name("second"), Tags: []string{"blue"}})
	services.wakes("for a registration")
	services.settled()
	e.register(&api.AgentServiceRegistration{Name: e.name("second"), Tags: []string{"green"}})
	services.wakes("for a tag")
	services.settled()
	require.NoError(t, e.agent().ServiceDeregister(e.name("second")))
	services.wakes("for a deregistration")
}
