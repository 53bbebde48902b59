package consul

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/dev/store"
)

// agent is one without a socket, so that time may be a test's own. It may be
// away: end connections without an answer, or hang.
type agent struct {
	handler        http.Handler
	refuses, hangs atomic.Bool
	breaks         func(*http.Request) bool // ends one connection without an answer; nil for none
}

func (a *agent) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case a.breaks != nil && a.breaks(r), a.refuses.Load():
		return nil, io.ErrUnexpectedEOF
	case a.hangs.Load():
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	answer := httptest.NewRecorder()
	a.handler.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// inTime runs a test whose time is its own, with an agent and a client of it.
func inTime(t *testing.T, test func(*testing.T, *agent, *Store)) {
	synctest.Test(t, func(t *testing.T) {
		embedded := store.New(store.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- embedded.Run(ctx) }()
		defer func() { cancel(); require.NoError(t, <-done) }()

		a := &agent{handler: embedded.Handler()}
		client, err := api.NewClient(&api.Config{Address: "agent.invalid", HttpClient: &http.Client{Transport: deadlines{a}}})
		require.NoError(t, err)
		test(t, a, &Store{api: client, keys: catalog.NewKeys(""), log: hclog.NewNullLogger(), holds: map[string]*hold{}})
	})
}

func takeLock(t *testing.T, s *Store) (session string, lost <-chan struct{}) {
	t.Helper()
	session, lost, err := s.Lock(t.Context(), "web", "production", catalog.LockRecord{Holder: "ops@here", Deployment: "d1"})
	require.NoError(t, err)
	return session, lost
}

// keeps fails the test if the lock is lost within d.
func keeps(t *testing.T, lost <-chan struct{}, d time.Duration) {
	t.Helper()
	select {
	case <-lost:
		require.FailNow(t, "the lock was lost")
	case <-time.After(d):
	}
}

// A lock outlives an agent that is away for less than its session's TTL, whenever
// that begins and however it is away.
func TestALockOutlivesAnOutage(t *testing.T) {
	for name, away := range map[string]func(*agent) *atomic.Bool{
		"ends connections": func(a *agent) *atomic.Bool { return &a.refuses },
		"hangs":            func(a *agent) *atomic.Bool { return &a.hangs },
	} {
		for _, long := range []time.Duration{time.Second, 5 * time.Second, sessionTTL - 100*time.Millisecond} {
			for begins := time.Duration(0); begins <= renewEvery; begins += 100 * time.Millisecond {
				t.Run(name+" after "+begins.String()+" for "+long.String(), func(t *testing.T) {
					inTime(t, func(t *testing.T, a *agent, s *Store) {
						session, lost := takeLock(t, s)
						keeps(t, lost, renewEvery+begins)
						away(a).Store(true)
						keeps(t, lost, long)
						away(a).Store(false)
						keeps(t, lost, time.Minute)
						d := catalog.Deployment{ID: "d1", Service: "web", Environment: "production"}
						require.NoError(t, s.PutDeployment(t.Context(), d, session))
						require.NoError(t, s.Unlock(t.Context(), "web", "production", session))
					})
				})
			}
		}
	}
}

// A lock is taken although the agent goes away in the midst of that, before or
// after it has given the lock.
func TestALockIsTakenInAnOutage(t *testing.T) {
	for name, cut := range map[string]func(*agent, *http.Request){
		"before it is given": func(*agent, *http.Request) {},
		"after it is given":  func(a *agent, r *http.Request) { a.handler.ServeHTTP(httptest.NewRecorder(), r) },
	} {
		for _, away := range []time.Duration{0, 4 * time.Second, sessionTTL - time.Second, sessionTTL + time.Second} {
			t.Run(name+" for "+away.String(), func(t *testing.T) {
				inTime(t, func(t *testing.T, a *agent, s *Store) {
					var begun atomic.Bool
					a.breaks = func(r *http.Request) bool {
						if !r.URL.Query().Has("acquire") || !begun.CompareAndSwap(false, true) {
							return false
						}
						cut(a, r)
						a.refuses.Store(true)
						time.AfterFunc(away, func() { a.refuses.Store(false) })
						return true
					}
					began := time.Now()
					session, lost, err := s.Lock(t.Context(), "web", "production", catalog.LockRecord{Holder: "ops@here", Deployment: "d1"})
					if away > sessionTTL {
						require.ErrorContains(t, err, "take the lock")
						require.LessOrEqual(t, time.Since(began), sessionTTL)
						return
					}
					require.NoError(t, err)
					require.Less(t, time.Since(began), away+2*renewAgain)
					keeps(t, lost, time.Minute)
					require.NoError(t, s.Unlock(t.Context(), "web", "production", session))
				})
			})
		}
	}
}

// A holder that can't reach its agent believes the lock lost after the TTL, and
// before Consul may give it to somebody else.
func TestALockIsLostWhenTheAgentStaysAway(t *testing.T) {
	for name, away := range map[string]func(*agent) *atomic.Bool{
		"ends connections": func(a *agent) *atomic.Bool { return &a.refuses },
		"hangs":            func(a *agent) *atomic.Bool { return &a.hangs },
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, a *agent, s *Store) {
				session, lost := takeLock(t, s)
				away(a).Store(true)
				began := time.Now()
				keeps(t, lost, sessionTTL)
				<-lost
				require.Less(t, time.Since(began), 2*sessionTTL-renewEvery)

				away(a).Store(false)
				_, _, err := s.Lock(t.Context(), "web", "production", catalog.LockRecord{Holder: "next@here"})
				require.ErrorIs(t, err, catalog.ErrLocked, "Consul still has it")
				require.NoError(t, s.Unlock(t.Context(), "web", "production", session))
			})
		})
	}
}

// A deployer that was killed is no longer in the way as soon as Consul has ended
// its session.
func TestADeadHoldersLockIsTakenWhenItsSessionEnds(t *testing.T) {
	inTime(t, func(t *testing.T, a *agent, dead *Store) {
		session, _ := takeLock(t, dead)
		dead.holds[session].stop() // it renews no more
		s := &Store{api: dead.api, keys: dead.keys, log: dead.log, holds: map[string]*hold{}}
		began := time.Now()
		for {
			mine, _, err := s.Lock(t.Context(), "web", "production", catalog.LockRecord{Holder: "next@here"})
			if err == nil {
				require.NoError(t, s.Unlock(t.Context(), "web", "production", mine))
				break
			}
			require.ErrorIs(t, err, catalog.ErrLocked)
			require.ErrorContains(t, err, "ops@here")
			time.Sleep(100 * time.Millisecond)
		}
		require.InDelta(t, catalog.SessionAfterlife, time.Since(began), float64(200*time.Millisecond))
	})
}
