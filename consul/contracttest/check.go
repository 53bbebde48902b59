package contracttest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var checkContracts = []contract{
	{name: "check by TTL", run: checkTTL},
	{name: "check by TTL expires", run: checkTTLExpires},
	{name: "check by HTTP", run: checkHTTP},
	{name: "check by HTTP sends what it is told", run: checkHTTPRequest},
	{name: "check by HTTP over TLS", run: checkHTTPS},
	{name: "check by TCP", run: checkTCP},
	{name: "check counts failures and successes", run: checkThresholds},
	{name: "check stops when its service goes or moves", run: checkStops},
}

func checkTTL(t *testing.T, e *env) {
	id := e.name("web")
	check := e.ttlService("web", api.HealthCritical)
	require.NoError(t, e.agent().PassTTL(check, "fine"))
	e.awaitStatus(id, check, api.HealthPassing)
	require.Equal(t, "fine", e.check(id, check).Output)
	require.NoError(t, e.agent().WarnTTL(check, "hm"))
	e.awaitStatus(id, check, api.HealthWarning)
	require.NoError(t, e.agent().FailTTL(check, "ouch"))
	e.awaitStatus(id, check, api.HealthCritical)
	require.NoError(t, e.agent().UpdateTTL(check, "again", api.HealthPassing))
	e.awaitStatus(id, check, api.HealthPassing)

	requireStatus(t, http.StatusNotFound, e.agent().PassTTL(e.name("unknown"), ""))
	status, _ := e.request("PUT", "/v1/agent/check/update/"+check, `{"Status":"weird"}`)
	require.Equal(t, http.StatusBadRequest, status)

	index := e.check(id, check).ModifyIndex
	require.NoError(t, e.agent().UpdateTTL(check, "new words, same status", api.HealthPassing))
	checks, err := e.agent().Checks()
	require.NoError(t, err)
	require.Equal(t, "new words, same status", checks[check].Output, "the agent knows at once")
	require.Equal(t, index, e.check(id, check).ModifyIndex, "the catalogue is not bothered with it")
}

func checkTTLExpires(t *testing.T, e *env) {
	id := e.name("web")
	e.register(&api.AgentServiceRegistration{Name: id, Check: &api.AgentServiceCheck{TTL: "5s"}})
	require.NoError(t, e.agent().PassTTL("service:"+id, "fine"))
	e.awaitStatus(id, "service:"+id, api.HealthPassing)
	e.awaitStatus(id, "service:"+id, api.HealthCritical)
	require.Contains(t, e.check(id, "service:"+id).Output, "TTL expired")
	require.Contains(t, e.check(id, "service:"+id).Output, "fine")
}

// endpoint is something to check, answering what it is told to.
type endpoint struct {
	*httptest.Server
	status atomic.Int32
	hits   atomic.Int32
	last   atomic.Pointer[http.Request]
}

func newEndpoint(t *testing.T, start func(http.Handler) *httptest.Server) *endpoint {
	e := &endpoint{}
	e.status.Store(http.StatusOK)
	e.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.last.Store(r)
		e.hits.Add(1)
		w.WriteHeader(int(e.status.Load()))
		_, _ = w.Write([]byte("body of the endpoint"))
	}))
	t.Cleanup(e.Close)
	return e
}

func checkHTTP(t *testing.T, e *env) {
	target, id := newEndpoint(t, httptest.NewServer), e.name("web")
	check := "service:" + id
	e.register(&api.AgentServiceRegistration{
		Name:  id,
		Check: &api.AgentServiceCheck{HTTP: target.URL + "/health", Interval: "1s", Timeout: "1s"},
	})
	e.awaitStatus(id, check, api.HealthPassing)
	published := e.check(id, check)
	require.Equal(t, "HTTP GET "+target.URL+"/health: 200 OK Output: body of the endpoint", published.Output)
	checks, err := e.agent().Checks()
	require.NoError(t, err)
	require.Equal(t, "http", checks[check].Type)
	require.Equal(t, published.Output, checks[check].Output)

	target.status.Store(http.StatusTooManyRequests)
	e.awaitStatus(id, check, api.HealthWarning)
	target.status.Store(http.StatusInternalServerError)
	e.awaitStatus(id, check, api.HealthCritical)
	require.Contains(t, e.check(id, check).Output, "500 Internal Server Error")
	target.status.Store(http.StatusOK)
	e.awaitStatus(id, check, api.HealthPassing)
	target.Close()
	e.awaitStatus(id, check, api.HealthCritical)
	require.Contains(t, e.check(id, check).Output, "connection refused")

	err = e.agent().PassTTL(check, "")
	require.ErrorContains(t, err, "does not have associated TTL")
}

func checkHTTPRequest(t *testing.T, e *env) {
	target, id := newEndpoint(t, httptest.NewServer), e.name("web")
	e.register(&api.AgentServiceRegistration{Name: id, Check: &api.AgentServiceCheck{
		HTTP: target.URL + "/ready?deep=1", Method: "POST", Interval: "1s", Body: "are you well?",
		Header: map[string][]string{"X-Check": {"yes"}, "Host": {"web.proxy.example"}},
	}})
	e.awaitStatus(id, "service:"+id, api.HealthPassing)
	last := target.last.Load()
	require.Equal(t, "POST", last.Method)
	require.Equal(t, "/ready?deep=1", last.RequestURI)
	require.Equal(t, "web.proxy.example", last.Host)
	require.Equal(t, "yes", last.Header.Get("X-Check"))
	require.Equal(t, "Consul Health Check", last.UserAgent())
	require.EqualValues(t, len("are you well?"), last.ContentLength)
}

func checkHTTPS(t *testing.T, e *env) {
	target, id := newEndpoint(t, httptest.NewTLSServer), e.name("web")
	target.Config.ErrorLog = nil
	e.register(&api.AgentServiceRegistration{Name: id, Checks: api.AgentServiceChecks{
		{CheckID: id + "-lax", HTTP: target.URL, Interval: "1s", TLSSkipVerify: true},
		{CheckID: id + "-strict", HTTP: target.URL, Interval: "1s", Status: api.HealthPassing},
	}})
	e.awaitStatus(id, id+"-lax", api.HealthPassing)
	e.awaitStatus(id, id+"-strict", api.HealthCritical)
}

func checkTCP(t *testing.T, e *env) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	id, addr := e.name("web"), listener.Addr().String()
	e.register(&api.AgentServiceRegistration{Name: id, Check: &api.AgentServiceCheck{TCP: addr, Interval: "1s", Timeout: "1s"}})
	e.awaitStatus(id, "service:"+id, api.HealthPassing)
	require.Equal(t, "TCP connect "+addr+": Success", e.check(id, "service:"+id).Output)
	require.NoError(t, listener.Close())
	e.awaitStatus(id, "service:"+id, api.HealthCritical)
	require.True(t, strings.Contains(e.check(id, "service:"+id).Output, "connection refused"))
}

func checkThresholds(t *testing.T, e *env) {
	target, id := newEndpoint(t, httptest.NewServer), e.name("web")
	e.register(&api.AgentServiceRegistration{Name: id, Check: &api.AgentServiceCheck{
		HTTP: target.URL, Interval: "1s", SuccessBeforePassing: 2, FailuresBeforeCritical: 2,
	}})
	e.awaitStatus(id, "service:"+id, api.HealthPassing)

	target.status.Store(http.StatusInternalServerError)
	before := target.hits.Load()
	e.awaitStatus(id, "service:"+id, api.HealthCritical)
	require.GreaterOrEqual(t, target.hits.Load()-before, int32(2))

	target.status.Store(http.StatusOK)
	before = target.hits.Load()
	e.awaitStatus(id, "service:"+id, api.HealthPassing)
	require.GreaterOrEqual(t, target.hits.Load()-before, int32(2))
}

func checkStops(t *testing.T, e *env) {
	removed, moved, kept := newEndpoint(t, httptest.NewServer), newEndpoint(t, httptest.NewServer), newEndpoint(t, httptest.NewServer)
	check := func(name string, target *endpoint) {
		t.Helper()
		e.register(&api.AgentServiceRegistration{Name: e.name(name), Check: &api.AgentServiceCheck{HTTP: target.URL, Interval: "1s"}})
		e.awaitStatus(e.name(name), "service:"+e.name(name), api.HealthPassing)
	}
	check("removed", removed)
	check("moved", moved)
	check("kept", kept)

	require.NoError(t, e.agent().ServiceDeregister(e.name("removed")))
	check("moved", kept)
	gone, left, seen := removed.hits.Load(), moved.hits.Load(), kept.hits.Load()
	e.eventually(func(c *assert.CollectT) { assert.Greater(c, kept.hits.Load(), seen+5) })
	require.LessOrEqual(t, removed.hits.Load(), gone+1, "one may have been under way")
	require.LessOrEqual(t, moved.hits.Load(), left+1, "one may have been under way")
}
