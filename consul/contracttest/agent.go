package contracttest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var agentContracts = []contract{
	{name: "agent describes itself", run: agentSelf},
	{name: "agent registers a service", run: agentRegisters},
	{name: "agent registration again", run: agentRegistersAgain},
	{name: "agent deregisters a service", run: agentDeregisters},
	{name: "agent refuses bad services", run: agentRefusesServices},
	{name: "agent refuses bad checks", run: agentRefusesChecks},
	{name: "agent maintenance", run: agentMaintenance},
	{name: "agent check ids", run: agentCheckIDs},
	{name: "agent replaces checks if asked", run: agentReplacesChecks},
	{name: "agent check status is inherited", run: agentStatusInherited},
	{name: "agent check of the node", serial: true, run: agentNodeCheck},
}

func agentSelf(t *testing.T, e *env) {
	self, err := e.agent().Self()
	require.NoError(t, err)
	require.NotEmpty(t, self["Config"]["NodeName"])
	require.NotEmpty(t, self["Config"]["Version"])
	require.NotEmpty(t, self["Config"]["Datacenter"])
	require.NotEmpty(t, self["Member"]["Addr"])
	require.NotEmpty(t, self["DebugConfig"]["AdvertiseAddrLAN"])
	leader, err := e.client.Status().Leader()
	require.NoError(t, err)
	require.NotEmpty(t, leader)
	nodes, _, err := e.catalog().Nodes(nil)
	require.NoError(t, err)
	require.Len(t, nodes, 1)
	require.Equal(t, e.node(), nodes[0].Node)
	require.Equal(t, self["Member"]["Addr"], nodes[0].Address)
	checks, _, err := e.health().Node(e.node(), nil)
	require.NoError(t, err)
	require.Contains(t, checkIDs(checks), "serfHealth")
}

func checkIDs(checks api.HealthChecks) []string {
	var ids []string
	for _, c := range checks {
		ids = append(ids, c.CheckID)
	}
	return ids
}

func agentRegisters(t *testing.T, e *env) {
	id, name := e.name("web-1"), e.name("web")
	e.register(&api.AgentServiceRegistration{
		ID: id, Name: name, Address: "127.0.0.9", Port: 8080,
		Tags: []string{"production", "blue"}, Meta: map[string]string{"colour": "blue", "managed-by": "teal"},
		Weights: &api.AgentWeights{Passing: 10, Warning: 2},
		Check:   &api.AgentServiceCheck{CheckID: id + ":live", Name: "live", TTL: "10m", Status: api.HealthPassing, Notes: "note"},
	})

	services, err := e.agent().Services()
	require.NoError(t, err)
	local := services[id]
	require.NotNil(t, local)
	require.Equal(t, name, local.Service)
	require.Equal(t, 8080, local.Port)
	require.Equal(t, "127.0.0.9", local.Address)
	require.Equal(t, []string{"production", "blue"}, local.Tags)
	require.Equal(t, map[string]string{"colour": "blue", "managed-by": "teal"}, local.Meta)
	require.Equal(t, api.AgentWeights{Passing: 10, Warning: 2}, local.Weights)
	one, _, err := e.agent().Service(id, nil)
	require.NoError(t, err)
	require.Equal(t, local.Meta, one.Meta)
	require.Equal(t, api.ServiceAddress{Address: "127.0.0.9", Port: 8080}, one.TaggedAddresses["lan_ipv4"])

	e.awaitStatus(name, id+":live", api.HealthPassing)
	checks, err := e.agent().Checks()
	require.NoError(t, err)
	check := checks[id+":live"]
	require.NotNil(t, check)
	require.Equal(t, []string{e.node(), "live", api.HealthPassing, "note", id, name, "ttl"},
		[]string{check.Node, check.Name, check.Status, check.Notes, check.ServiceID, check.ServiceName, check.Type})
	e.requireCatalogued(id, name)
}

func (e *env) requireCatalogued(id, name string) {
	e.t.Helper()
	rows, _, err := e.catalog().Service(name, "", nil)
	require.NoError(e.t, err)
	require.Len(e.t, rows, 1)
	row := rows[0]
	require.Equal(e.t, []string{id, name, "127.0.0.9", e.node()}, []string{row.ServiceID, row.ServiceName, row.ServiceAddress, row.Node})
	require.Equal(e.t, 8080, row.ServicePort)
	require.Equal(e.t, "blue", row.ServiceMeta["colour"])
	require.Equal(e.t, api.Weights{Passing: 10, Warning: 2}, row.ServiceWeights)
	require.NotEmpty(e.t, row.Address)

	entries, _, err := e.health().Service(name, "", false, nil)
	require.NoError(e.t, err)
	require.Len(e.t, entries, 1)
	require.Equal(e.t, id, entries[0].Service.ID)
	require.Equal(e.t, []string{"production", "blue"}, entries[0].Service.Tags)
	require.Equal(e.t, row.ModifyIndex, entries[0].Service.ModifyIndex)
	require.Equal(e.t, e.node(), entries[0].Node.Node)
	require.Contains(e.t, checkIDs(entries[0].Checks), id+":live")
	require.Contains(e.t, checkIDs(entries[0].Checks), "serfHealth")
	require.Equal(e.t, api.HealthPassing, entries[0].Checks.AggregatedStatus())
}

func (e *env) row(name string) *api.CatalogService {
	e.t.Helper()
	rows, _, err := e.catalog().Service(name, "", nil)
	require.NoError(e.t, err)
	require.Len(e.t, rows, 1)
	return rows[0]
}

func agentRegistersAgain(t *testing.T, e *env) {
	reg := &api.AgentServiceRegistration{
		Name: e.name("web"), Port: 80, Tags: []string{"blue"},
		Check: &api.AgentServiceCheck{TTL: "10m", Status: api.HealthPassing},
	}
	e.register(reg)
	first := e.row(reg.Name)
	e.register(reg)
	require.Equal(t, first, e.row(reg.Name), "the same again changes nothing")

	reg.Tags = []string{"green"}
	e.register(reg)
	e.eventually(func(c *assert.CollectT) {
		row := e.row(reg.Name)
		assert.Equal(c, []string{"green"}, row.ServiceTags)
		assert.Equal(c, first.CreateIndex, row.CreateIndex)
		assert.Greater(c, row.ModifyIndex, first.ModifyIndex)
		assert.Equal(c, []string{"green"}, e.check(reg.Name, "service:"+reg.Name).ServiceTags)
	})
}

func agentDeregisters(t *testing.T, e *env) {
	requireStatus(t, http.StatusNotFound, e.agent().ServiceDeregister(e.name("unknown")))
	requireStatus(t, http.StatusNotFound, e.agent().CheckDeregister(e.name("unknown")))
	_, _, err := e.agent().Service(e.name("unknown"), nil)
	requireStatus(t, http.StatusNotFound, err)

	check := e.ttlService("web", api.HealthPassing)
	require.NoError(t, e.agent().ServiceDeregister(e.name("web")))
	e.eventually(func(c *assert.CollectT) {
		entries, _, err := e.health().Service(e.name("web"), "", false, nil)
		assert.NoError(c, err)
		assert.Empty(c, entries)
		assert.Nil(c, e.check(e.name("web"), check))
	})
	checks, err := e.agent().Checks()
	require.NoError(t, err)
	require.NotContains(t, checks, check)
	services, _, err := e.catalog().Services(nil)
	require.NoError(t, err)
	require.NotContains(t, services, e.name("web"))
}

func agentRefusesServices(t *testing.T, e *env) {
	many := make(map[string]string)
	for i := range 65 {
		many[fmt.Sprint("key", i)] = "x"
	}
	service := func(change func(*api.AgentServiceRegistration)) *api.AgentServiceRegistration {
		reg := &api.AgentServiceRegistration{Name: e.name("bad"), Port: 80}
		change(reg)
		return reg
	}
	meta := func(m map[string]string) *api.AgentServiceRegistration {
		return service(func(r *api.AgentServiceRegistration) { r.Meta = m })
	}
	for name, reg := range map[string]*api.AgentServiceRegistration{
		"no name":             service(func(r *api.AgentServiceRegistration) { r.Name = "" }),
		"any address":         service(func(r *api.AgentServiceRegistration) { r.Address = "0.0.0.0" }),
		"no weight":           service(func(r *api.AgentServiceRegistration) { r.Weights = &api.AgentWeights{Warning: 1} }),
		"meta key with dot":   meta(map[string]string{"a.b": "x"}),
		"meta key too long":   meta(map[string]string{strings.Repeat("x", 129): "x"}),
		"meta key empty":      meta(map[string]string{"": "x"}),
		"meta key reserved":   meta(map[string]string{"consul-x": "x"}),
		"meta value too long": meta(map[string]string{"x": strings.Repeat("x", 513)}),
		"meta too many":       meta(many),
	} {
		t.Run(name, func(t *testing.T) {
			requireStatus(t, http.StatusBadRequest, e.agent().ServiceRegister(reg))
		})
	}
	delete(many, "key0")
	many[strings.Repeat("x", 128)] = strings.Repeat("x", 512)
	delete(many, "key1")
	e.register(meta(many))

	status, _ := e.request("PUT", "/v1/agent/service/register", `{"Name":"`+e.name("bad")+`","Nonsense":1}`)
	require.Equal(t, http.StatusBadRequest, status)
	status, _ = e.request("GET", "/v1/agent/service/register", "")
	require.Equal(t, http.StatusMethodNotAllowed, status)
}

func agentRefusesChecks(t *testing.T, e *env) {
	for name, check := range map[string]*api.AgentServiceCheck{
		"HTTP without interval": {HTTP: "http://127.0.0.1:1"},
		"TCP without interval":  {TCP: "127.0.0.1:1"},
		"TTL and interval":      {TTL: "1s", Interval: "1s"},
		"nothing":               {Name: "nothing"},
		"unknown status":        {TTL: "1s", Status: "weird"},
		"TTL not a time":        {TTL: "soon"},
	} {
		t.Run(name, func(t *testing.T) {
			requireStatus(t, http.StatusBadRequest, e.agent().ServiceRegister(
				&api.AgentServiceRegistration{Name: e.name("bad"), Check: check}))
			services, err := e.agent().Services()
			require.NoError(t, err)
			require.NotContains(t, services, e.name("bad"))
		})
	}
	requireStatus(t, http.StatusNotFound, e.agent().CheckRegister(&api.AgentCheckRegistration{
		Name: e.name("orphan"), ServiceID: e.name("unknown"), AgentServiceCheck: api.AgentServiceCheck{TTL: "1s"},
	}))
	requireStatus(t, http.StatusBadRequest, e.agent().CheckRegister(&api.AgentCheckRegistration{
		AgentServiceCheck: api.AgentServiceCheck{TTL: "1s"},
	}))
}

func agentMaintenance(t *testing.T, e *env) {
	id := e.name("web")
	requireStatus(t, http.StatusNotFound, e.agent().EnableServiceMaintenance(e.name("unknown"), ""))
	e.ttlService("web", api.HealthPassing)

	require.NoError(t, e.agent().EnableServiceMaintenance(id, "being moved"))
	require.NoError(t, e.agent().EnableServiceMaintenance(id, "twice"))
	e.awaitStatus(id, "_service_maintenance:"+id, api.HealthCritical)
	check := e.check(id, "_service_maintenance:"+id)
	require.Equal(t, "being moved", check.Notes)
	require.Equal(t, id, check.ServiceID)
	entries, _, err := e.health().Service(id, "", true, nil)
	require.NoError(t, err)
	require.Empty(t, entries)
	entries, _, err = e.health().Service(id, "", false, nil)
	require.NoError(t, err)
	require.Equal(t, api.HealthMaint, entries[0].Checks.AggregatedStatus())

	require.NoError(t, e.agent().DisableServiceMaintenance(id))
	require.NoError(t, e.agent().DisableServiceMaintenance(id))
	e.eventually(func(c *assert.CollectT) {
		entries, _, err := e.health().Service(id, "", true, nil)
		assert.NoError(c, err)
		assert.Len(c, entries, 1)
	})
}

func agentCheckIDs(t *testing.T, e *env) {
	one, two := e.name("one"), e.name("two")
	e.register(&api.AgentServiceRegistration{Name: one, Check: &api.AgentServiceCheck{TTL: "10m"}})
	e.register(&api.AgentServiceRegistration{Name: two, Checks: api.AgentServiceChecks{{TTL: "10m"}, {TTL: "10m", CheckID: two + "-own"}, {TTL: "10m"}}})
	checks, err := e.agent().Checks()
	require.NoError(t, err)
	for _, id := range []string{"service:" + one, "service:" + two + ":1", two + "-own", "service:" + two + ":3"} {
		require.Contains(t, checks, id)
		require.Equal(t, api.HealthCritical, checks[id].Status, "a check is critical until it knows better")
	}
	require.Equal(t, "Service '"+one+"' check", checks["service:"+one].Name)
}

func agentReplacesChecks(t *testing.T, e *env) {
	id := e.name("web")
	with := func(check string) *api.AgentServiceRegistration {
		return &api.AgentServiceRegistration{
			Name:  id,
			Check: &api.AgentServiceCheck{CheckID: e.name(check), TTL: "10m", Status: api.HealthPassing},
		}
	}
	e.register(with("old"))
	e.register(with("new"))
	e.awaitStatus(id, e.name("new"), api.HealthPassing)
	require.NotNil(t, e.check(id, e.name("old")), "checks stay unless replaced")

	require.NoError(t, e.agent().ServiceRegisterOpts(with("newest"), api.ServiceRegisterOpts{ReplaceExistingChecks: true}))
	e.eventually(func(c *assert.CollectT) {
		assert.Nil(c, e.check(id, e.name("old")))
		assert.Nil(c, e.check(id, e.name("new")))
		assert.NotNil(c, e.check(id, e.name("newest")))
	})
}

// agentStatusInherited is why a check's id names the container it checks.
func agentStatusInherited(t *testing.T, e *env) {
	id := e.name("web")
	with := func(check, status string) *api.AgentServiceRegistration {
		return &api.AgentServiceRegistration{Name: id, Check: &api.AgentServiceCheck{CheckID: e.name(check), TTL: "10m", Status: status}}
	}
	e.register(with("first", ""))
	e.awaitStatus(id, e.name("first"), api.HealthCritical)
	require.NoError(t, e.agent().UpdateTTL(e.name("first"), "all well", api.HealthPassing))
	e.awaitStatus(id, e.name("first"), api.HealthPassing)

	e.register(with("first", api.HealthCritical))
	checks, err := e.agent().Checks()
	require.NoError(t, err)
	require.Equal(t, api.HealthPassing, checks[e.name("first")].Status, "the initial status is for new checks")
	require.Equal(t, "all well", checks[e.name("first")].Output)
	require.Equal(t, api.HealthPassing, e.check(id, e.name("first")).Status)

	e.register(with("second", ""))
	e.awaitStatus(id, e.name("second"), api.HealthCritical)
}

func agentNodeCheck(t *testing.T, e *env) {
	web := e.ttlService("web", api.HealthPassing)
	id := e.name("disk")
	t.Cleanup(func() { _ = e.agent().CheckDeregister(id) })
	require.NoError(t, e.agent().CheckRegister(&api.AgentCheckRegistration{
		Name:              id,
		AgentServiceCheck: api.AgentServiceCheck{TTL: "10m", Status: api.HealthPassing},
	}))
	health := func(c *assert.CollectT) *api.ServiceEntry {
		entries, _, err := e.health().Service(e.name("web"), "", false, nil)
		if !assert.NoError(c, err) || !assert.Len(c, entries, 1) {
			return &api.ServiceEntry{}
		}
		return entries[0]
	}
	e.eventually(func(c *assert.CollectT) { assert.Contains(c, checkIDs(health(c).Checks), id) })

	session := e.session(&api.SessionEntry{NodeChecks: []string{"serfHealth", id}})
	require.NoError(t, e.agent().FailTTL(id, "disk full"))
	e.eventually(func(c *assert.CollectT) {
		assert.Equal(c, api.HealthCritical, health(c).Checks.AggregatedStatus(), "a node's check counts for its services")
		assert.False(c, e.sessionExists(session))
	})
	require.Equal(t, api.HealthPassing, e.check(e.name("web"), web).Status)

	require.NoError(t, e.agent().CheckDeregister(id))
	e.eventually(func(c *assert.CollectT) {
		assert.Equal(c, api.HealthPassing, health(c).Checks.AggregatedStatus())
	})
}
