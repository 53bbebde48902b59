package store_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/dev/store"
)

const patience = 20 * time.Second

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newClient returns a client of a store that doesn't run.
func newClient(t *testing.T, s *store.Store) *api.Client {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	client, err := api.NewClient(&api.Config{Address: strings.TrimPrefix(server.URL, "http://"), Transport: &http.Transport{}})
	require.NoError(t, err)
	return client
}

func request(t *testing.T, s *store.Store, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, httptest.NewRequest(method, path, strings.NewReader(body)))
	return answer
}

func TestOptionsNameTheNode(t *testing.T) {
	s := store.New(store.Options{NodeName: "laptop", AdvertiseAddr: "192.0.2.7", Datacenter: "here"})
	client := newClient(t, s)
	nodes, _, err := client.Catalog().Nodes(nil)
	require.NoError(t, err)
	require.Equal(t, "laptop", nodes[0].Node)
	require.Equal(t, "192.0.2.7", nodes[0].Address)
	require.Equal(t, "192.0.2.7", nodes[0].TaggedAddresses["lan_ipv4"])
	require.Equal(t, "here", nodes[0].Datacenter)
	_, _, err = client.Catalog().Nodes(&api.QueryOptions{Datacenter: "elsewhere"})
	require.ErrorContains(t, err, "No path to datacenter")
}

func TestRunOnceOnly(t *testing.T) {
	s := store.New(store.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Run(ctx))
	require.Error(t, s.Run(ctx))
}

// TestRunEndsBlockingQueries keeps a server's shutdown from waiting for
// queries that would block for minutes.
func TestRunEndsBlockingQueries(t *testing.T) {
	s := store.New(store.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	run, query := make(chan error, 1), make(chan int, 1)
	go func() { run <- s.Run(ctx) }()
	go func() { query <- request(t, s, "GET", "/v1/catalog/services?index=99&wait=10m", "").Code }()
	select {
	case <-query:
		require.Fail(t, "the query did not block")
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	require.NoError(t, <-run)
	select {
	case code := <-query:
		require.Equal(t, http.StatusOK, code)
	case <-time.After(patience):
		require.Fail(t, "the query still blocks")
	}
}

func TestBlockingQueryEndsWithItsRequest(t *testing.T) {
	s := store.New(store.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(ctx, "GET", "/v1/kv/a?index=99", nil))
	require.Equal(t, http.StatusNotFound, answer.Code)
	require.Equal(t, "1", answer.Header().Get("X-Consul-Index"))
}

// TestChecksRunOnlyWhileRunRuns registers before, during and after Run.
func TestChecksRunOnlyWhileRunRuns(t *testing.T) {
	s := store.New(store.Options{})
	client := newClient(t, s)
	register := func(id string) {
		require.NoError(t, client.Agent().ServiceRegister(&api.AgentServiceRegistration{
			Name:  id,
			Check: &api.AgentServiceCheck{TTL: "1ms", Status: api.HealthPassing},
		}))
	}
	status := func(id string) string {
		checks, err := client.Agent().Checks()
		require.NoError(t, err)
		return checks["service:"+id].Status
	}
	register("before")
	require.Equal(t, api.HealthPassing, status("before"))

	ctx, cancel := context.WithCancel(t.Context())
	run := make(chan error, 1)
	go func() { run <- s.Run(ctx) }()
	register("during")
	require.Eventually(t, func() bool {
		return status("before") == api.HealthCritical && status("during") == api.HealthCritical
	}, patience, time.Millisecond)

	cancel()
	require.NoError(t, <-run)
	register("after")
	require.Equal(t, api.HealthPassing, status("after"))
}

func TestSessionLivesForTwiceItsTTL(t *testing.T) {
	now := newClock()
	s := store.New(store.Options{Now: now.Now})
	client := newClient(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	run := make(chan error, 1)
	defer func() { cancel(); require.NoError(t, <-run) }()
	go func() { run <- s.Run(ctx) }()

	create := func() string {
		id, _, err := client.Session().Create(&api.SessionEntry{TTL: "10s"}, nil)
		require.NoError(t, err)
		return id
	}
	exists := func(id string) bool {
		entry, _, err := client.Session().Info(id, nil)
		require.NoError(t, err)
		return entry != nil
	}
	idle, renewed := create(), create()
	now.advance(19 * time.Second)
	_, _, err := client.Session().Renew(renewed, nil)
	require.NoError(t, err)
	require.True(t, exists(idle))
	now.advance(time.Second)
	create() // makes the loop look at the clock again
	require.Eventually(t, func() bool { return !exists(idle) }, patience, time.Millisecond)
	require.True(t, exists(renewed))
}

func TestLockDelayEnds(t *testing.T) {
	now := newClock()
	s := store.New(store.Options{Now: now.Now})
	client := newClient(t, s)
	acquire := func(delay time.Duration) (string, bool) {
		id, _, err := client.Session().Create(&api.SessionEntry{LockDelay: delay}, nil)
		require.NoError(t, err)
		done, _, err := client.KV().Acquire(&api.KVPair{Key: "lock", Session: id}, nil)
		require.NoError(t, err)
		return id, done
	}
	holder, done := acquire(time.Hour)
	require.True(t, done)
	_, err := client.Session().Destroy(holder, nil)
	require.NoError(t, err)

	now.advance(59 * time.Second)
	_, done = acquire(0)
	require.False(t, done)
	now.advance(time.Second)
	_, done = acquire(0)
	require.True(t, done, "no delay is longer than a minute")
}

// TestOutputReachesTheCatalogueInTime has a check say something new under the
// same status for longer than an agent keeps that to itself.
func TestOutputReachesTheCatalogueInTime(t *testing.T) {
	now := newClock()
	s := store.New(store.Options{Now: now.Now})
	client := newClient(t, s)
	require.NoError(t, client.Agent().ServiceRegister(&api.AgentServiceRegistration{
		Name:  "web",
		Check: &api.AgentServiceCheck{TTL: "1h", Status: api.HealthPassing},
	}))
	published := func(note string) string {
		require.NoError(t, client.Agent().PassTTL("service:web", note))
		checks, _, err := client.Health().Checks("web", nil)
		require.NoError(t, err)
		return checks[0].Output
	}
	require.Equal(t, "", published("one"))
	now.advance(4 * time.Minute)
	require.Equal(t, "", published("two"))
	now.advance(time.Minute)
	require.Equal(t, "three", published("three"))
	require.Equal(t, "three", published("four"))
}

// TestTombstonesAreBounded deletes more keys than are remembered: the index of
// a prefix may not fall for it.
func TestTombstonesAreBounded(t *testing.T) {
	s := store.New(store.Options{})
	index := func() string {
		return request(t, s, "GET", "/v1/kv/kept/?recurse", "").Header().Get("X-Consul-Index")
	}
	request(t, s, "PUT", "/v1/kv/kept/a", "x")
	request(t, s, "PUT", "/v1/kv/kept/b", "x")
	request(t, s, "DELETE", "/v1/kv/kept/b", "")
	before := index()
	for i := range 9000 {
		request(t, s, "PUT", fmt.Sprint("/v1/kv/gone/", i), "x")
	}
	require.Equal(t, before, index())
	request(t, s, "DELETE", "/v1/kv/gone/?recurse", "")
	require.GreaterOrEqual(t, len(index()), len(before))
	require.NotEqual(t, "2", index(), "not back at the one key that is left")
}

func TestWhatIsNotServedIsRefused(t *testing.T) {
	s := store.New(store.Options{})
	for path, body := range map[string]string{
		"PUT /v1/agent/service/register":                        `{"Name":"web","Connect":{"Native":true}}`,
		"PUT /v1/agent/service/register?2":                      `{"Name":"web","Check":{"GRPC":"127.0.0.1:1","Interval":"1s"}}`,
		"PUT /v1/agent/service/register?3":                      `{"Name":"web","Kind":"connect-proxy"}`,
		"PUT /v1/txn":                                           `[{"Node":{"Verb":"get","Node":{"Node":"x"}}}]`,
		"GET /v1/health/state/any?filter=Status+in+x":           ``,
		"GET /v1/health/state/any?filter=Output+==+x":           ``,
		"GET /v1/catalog/services?filter=ServiceName+==+x":      ``,
		"GET /v1/health/state/any?filter=Status==a+or+Status==": ``,
	} {
		method, target, _ := strings.Cut(path, " ")
		answer := request(t, s, method, target, body)
		require.Equal(t, http.StatusBadRequest, answer.Code, path)
		require.Contains(t, answer.Body.String(), "use a Consul agent", path)
	}
}

func TestFilters(t *testing.T) {
	s := store.New(store.Options{})
	for filter, found := range map[string]bool{
		`CheckID == serfHealth`:   true,
		`CheckID=="serfHealth"`:   true,
		"CheckID == `serfHealth`": true,
		`CheckID != serfHealth`:   false,
		`Status != "passing"`:     false,
		` Status == passing `:     true,
		`ServiceName == ""`:       true,
	} {
		answer := request(t, s, "GET", "/v1/health/node/"+store.DefaultNodeName+"?filter="+strings.NewReplacer(" ", "+", `"`, "%22").Replace(filter), "")
		require.Equal(t, http.StatusOK, answer.Code, filter)
		require.Equal(t, found, strings.Contains(answer.Body.String(), "serfHealth"), filter)
	}
}

// FuzzRequests sends nonsense to every endpoint: nothing may panic, and the
// index may never fall.
func FuzzRequests(f *testing.F) {
	f.Add("PUT", "/v1/agent/service/register", `{"Name":"web","Check":{"TTL":"1s"}}`)
	f.Add("PUT", "/v1/agent/check/register", `{"Name":"web","TTL":1e9}`)
	f.Add("PUT", "/v1/txn", `[{"KV":{"Verb":"lock","Key":"a","Session":"b"}},{"KV":{"Verb":"delete-tree"}}]`)
	f.Add("PUT", "/v1/session/create", `{"TTL":"10s","LockDelay":-5,"Checks":["serfHealth"]}`)
	f.Add("PUT", "/v1/kv/a/b?cas=0", "x")
	f.Add("GET", "/v1/kv/a?keys&separator=/&seperator=", "")
	f.Add("GET", "/v1/health/state/any?filter=Status!=passing", "")
	f.Add("DELETE", "/v1/kv/a?recurse", "")
	f.Fuzz(func(t *testing.T, method, target, body string) {
		req, err := http.NewRequestWithContext(expired(t), method, target, strings.NewReader(body))
		if err != nil || !strings.HasPrefix(req.URL.Path, "/v1/") {
			t.Skip()
		}
		s := store.New(store.Options{})
		for range 2 {
			answer := httptest.NewRecorder()
			s.Handler().ServeHTTP(answer, req)
			require.NotZero(t, answer.Code)
		}
	})
}

// expired returns a context that lets no query block.
func expired(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
