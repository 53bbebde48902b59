package consul_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
)

// gated is the address of an agent behind a gate that a test can hold against
// it. The gate answers true when it has dealt with the request itself.
func gated(t *testing.T, gate func(http.ResponseWriter, *http.Request) bool) string {
	target, err := url.Parse("http://" + embedded(t))
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !gate(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// troubled is a store whose agent is behind a gate.
func troubled(t *testing.T, gate func(http.ResponseWriter, *http.Request) bool) *consul.Store {
	return newStore(t, gated(t, gate))
}

func newStore(t *testing.T, addr string) *consul.Store {
	s, err := consul.New(consul.Options{Address: addr, WatchBudget: 1})
	require.NoError(t, err)
	return s
}

func isRouterPut(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/kv/teal/routers/")
}

// runAnnouncer runs one until the test ends.
func runAnnouncer(t *testing.T, s *consul.Store) *consul.Announcer {
	a := s.Announcer()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	return a
}

func TestAnnouncerSurvivesAFailedWrite(t *testing.T) {
	var failing atomic.Bool
	s := troubled(t, func(w http.ResponseWriter, r *http.Request) bool {
		if failing.Load() && isRouterPut(r) {
			http.Error(w, "No cluster leader", http.StatusInternalServerError)
			return true
		}
		return false
	})
	a := runAnnouncer(t, s)
	require.NoError(t, a.Announce(t.Context(), catalog.RouterRecord{ID: "r1", Applied: 1}))
	failing.Store(true)
	require.ErrorContains(t, a.Announce(t.Context(), catalog.RouterRecord{ID: "r1", Applied: 2}), "No cluster leader")
	failing.Store(false)
	require.NoError(t, a.Announce(t.Context(), catalog.RouterRecord{ID: "r1", Applied: 2}), "its own session still holds the key")
}

func TestAWriteThatHangsDoesNotCostTheSession(t *testing.T) {
	var hanging atomic.Bool
	s := troubled(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if hanging.Load() && isRouterPut(r) {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client goes
			<-r.Context().Done()
			return true
		}
		return false
	})
	a := runAnnouncer(t, s)
	require.NoError(t, a.Announce(t.Context(), catalog.RouterRecord{ID: "r1", Applied: 1}))
	hanging.Store(true)
	began := time.Now()
	require.Error(t, a.Announce(t.Context(), catalog.RouterRecord{ID: "r1", Applied: 2}))
	require.Less(t, time.Since(began), 9*time.Second, "the session would have run out meanwhile")
	list, err := s.Routers(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// register makes services of one passing instance each.
func register(t *testing.T, s *consul.Store, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, s.Register(t.Context(), catalog.Registration{
			ID: name, Service: name, Address: "127.0.0.1", Port: 1, Tags: []string{"production", "blue"},
			Checks: []catalog.Check{{ID: name + ":ttl", TTL: time.Hour, Initial: catalog.Passing}},
		}))
	}
}

// runWatch runs one until the test ends.
func runWatch(t *testing.T, s *consul.Store) <-chan catalog.Snapshot {
	t.Helper()
	snapshots := make(chan catalog.Snapshot, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Watch(ctx, func(s catalog.Snapshot) { snapshots <- s }) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	return snapshots
}

// await waits for a snapshot that is as wanted.
func await(t *testing.T, snapshots <-chan catalog.Snapshot, what string, wanted func(catalog.Snapshot) bool) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case s := <-snapshots:
			if wanted(s) {
				return
			}
		case <-limit:
			require.FailNow(t, "no such snapshot came", what)
		}
	}
}

// A service that can't be read is stale only for so long, and keeps what was
// known of it.
func TestOneFailedReadIsForgotten(t *testing.T) {
	var failing atomic.Bool
	s := troubled(t, func(w http.ResponseWriter, r *http.Request) bool {
		if failing.Load() && strings.HasSuffix(r.URL.Path, "/health/service/web-b") {
			http.Error(w, "no", http.StatusInternalServerError)
			return true
		}
		return false
	})
	register(t, s, "web-a", "web-b")
	snapshots := runWatch(t, s)
	require.True(t, (<-snapshots).StaleSince.IsZero())
	failing.Store(true)
	require.NoError(t, s.Report(t.Context(), "web-b:ttl", catalog.Critical, ""))
	await(t, snapshots, "what can't be read", func(s catalog.Snapshot) bool {
		return !s.StaleSince.IsZero() && s.Services.At("web-b").Instances[0].Health == catalog.Passing
	})
	failing.Store(false)
	await(t, snapshots, "what can be read again", func(s catalog.Snapshot) bool {
		return s.StaleSince.IsZero() && s.Services.At("web-b").Instances[0].Health == catalog.Critical
	})
	require.Positive(t, s.WatchStats().Feeds[consul.FeedInstances].Errors)
}

// Above the budget no service has a query of its own, and below it each has.
func TestTheWatchSwitchesAtTheBudget(t *testing.T) {
	var own atomic.Int32 // queries of single services that wait now
	s := troubled(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/health/service/") && r.URL.Query().Has("wait") {
			own.Add(1)
			context.AfterFunc(r.Context(), func() { own.Add(-1) })
		}
		return false
	})
	register(t, s, "web-a")
	snapshots := runWatch(t, s)
	<-snapshots
	waiting := func(n int32) {
		t.Helper()
		require.Eventually(t, func() bool { return own.Load() == n }, 30*time.Second, time.Millisecond)
	}
	waiting(1)
	register(t, s, "web-b", "web-c")
	await(t, snapshots, "three services", func(s catalog.Snapshot) bool { return s.Services.Len() == 3 })
	waiting(0)
	require.NoError(t, s.Report(t.Context(), "web-a:ttl", catalog.Warning, ""))
	await(t, snapshots, "a warning", func(s catalog.Snapshot) bool { return s.Services.At("web-a").Instances[0].Health == catalog.Warning })
	require.EqualValues(t, 1, s.WatchStats().Switches)

	for _, name := range []string{"web-a", "web-b", "web-c"} {
		require.NoError(t, s.Deregister(t.Context(), name))
	}
	await(t, snapshots, "no service", func(s catalog.Snapshot) bool { return s.Services.Len() == 0 })
	register(t, s, "web-d")
	await(t, snapshots, "a service", func(s catalog.Snapshot) bool { return s.Services.Len() == 1 })
	waiting(1)
	require.EqualValues(t, 2, s.WatchStats().Switches)
}

// Whoever holds connections, a flip and a pause do not wait for one, and there
// are never more than an agent's other clients can spare.
func TestAFlipWaitsForNoConnection(t *testing.T) {
	const callers, conns = 50, 32
	var held, gaveUp atomic.Int32
	addr := gated(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/health/service/slow") {
			return false
		}
		held.Add(1)
		<-r.Context().Done()
		return true
	})
	s, other := newStore(t, addr), newStore(t, addr)
	register(t, s, "web-a")
	snapshots := runWatch(t, s)
	<-snapshots

	ctx, cancel := context.WithCancel(t.Context())
	var slow sync.WaitGroup
	for range callers {
		slow.Go(func() {
			_, _ = s.Service(ctx, "slow")
			gaveUp.Add(1)
		})
	}
	defer slow.Wait()
	defer cancel()
	require.Eventually(t, func() bool { return held.Load() >= 10 }, 30*time.Second, time.Millisecond)
	green := catalog.Target{Colour: catalog.Green, Environment: "production"}
	_, err := other.Flip(t.Context(), catalog.Flip{Service: "web-a", Alias: "production", To: catalog.PointTo(green)})
	require.NoError(t, err)
	await(t, snapshots, "the flip", func(s catalog.Snapshot) bool {
		return s.Services.At("web-a").Aliases["production"].Value.Sends(green)
	})
	require.NoError(t, other.Halt(t.Context(), "web-a", "production", catalog.Halt{Kind: catalog.HaltPause}))
	await(t, snapshots, "the pause", func(s catalog.Snapshot) bool { return len(s.Services.At("web-a").Halts) == 1 })
	require.Zero(t, gaveUp.Load(), "it came when a connection was free")
	require.Less(t, held.Load(), int32(conns), "there are connections for all callers")
}

// However quickly aliases are written, they are read at most every few
// milliseconds, and the last of them arrives.
func TestAStormOfFlipsIsReadInFewSteps(t *testing.T) {
	const quiet, calm, flips = 5 * time.Millisecond, 50 * time.Millisecond, 300
	var reads atomic.Int64
	s := troubled(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/kv/teal/aliases/") {
			reads.Add(1)
		}
		return false
	})
	register(t, s, "web-a")
	snapshots := runWatch(t, s)
	began := time.Now()
	<-snapshots
	targets := []catalog.Target{{Colour: catalog.Blue, Environment: "production"}, {Colour: catalog.Green, Environment: "production"}}
	alias := catalog.Alias{Name: "production"}
	for n := range flips {
		var err error
		to := catalog.PointTo(targets[n%2])
		alias.Index, err = s.Flip(t.Context(), catalog.Flip{Service: "web-a", Alias: alias.Name, From: alias, To: to})
		require.NoError(t, err)
		alias.Value = to
	}
	await(t, snapshots, "the last flip", func(s catalog.Snapshot) bool { return s.AliasIndex >= alias.Index })
	took := time.Since(began)
	require.Less(t, reads.Load(), int64(took/quiet+took/calm)+4, "in %s", took)
}
