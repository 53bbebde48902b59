package consul_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
)

// troubled is an agent behind a gate that a test can hold against it. The gate
// answers true when it has dealt with the request itself.
func troubled(t *testing.T, gate func(http.ResponseWriter, *http.Request) bool) *consul.Store {
	target, err := url.Parse("http://" + embedded(t))
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !gate(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s, err := consul.New(consul.Options{Address: server.Listener.Addr().String(), WatchBudget: 1})
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

// A service above the budget whose poll fails once is stale only for so long.
func TestOneFailedPollIsForgotten(t *testing.T) {
	var failing atomic.Bool
	s := troubled(t, func(w http.ResponseWriter, r *http.Request) bool {
		if failing.Load() && strings.HasSuffix(r.URL.Path, "/health/service/web-b") {
			http.Error(w, "no", http.StatusInternalServerError)
			return true
		}
		return false
	})
	for _, name := range []string{"web-a", "web-b"} {
		require.NoError(t, s.Register(t.Context(), catalog.Registration{
			ID: name, Service: name, Address: "127.0.0.1", Port: 1, Tags: []string{"production", "blue"},
		}))
	}
	snapshots := make(chan catalog.Snapshot, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Watch(ctx, func(s catalog.Snapshot) { snapshots <- s }) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })

	require.True(t, (<-snapshots).StaleSince.IsZero())
	failing.Store(true)
	require.False(t, (<-snapshots).StaleSince.IsZero())
	failing.Store(false)
	require.True(t, (<-snapshots).StaleSince.IsZero())
}
