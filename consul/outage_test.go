package consul_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
)

// Ways in which an agent is away.
const (
	answers int32 = iota
	refuses       // ends connections without an answer
	hangs         // takes requests and never answers
)

// away is a store whose agent is away as the test says.
func away(t *testing.T) (*consul.Store, *atomic.Int32) {
	var how atomic.Int32
	s := troubled(t, func(_ http.ResponseWriter, r *http.Request) bool {
		switch how.Load() {
		case refuses:
			panic(http.ErrAbortHandler)
		case hangs:
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client goes
			<-r.Context().Done()
			return true
		}
		return false
	})
	return s, &how
}

// calls are all that deployers and registrators ask of Consul, once each.
func calls(s *consul.Store) map[string]func(context.Context) error {
	target := catalog.Target{Colour: catalog.Green, Environment: "production"}
	instance := catalog.Instance{ID: "i", Node: "n", Health: catalog.Passing}
	flip := catalog.Flip{Service: "web", Alias: "production", To: catalog.PointTo(target), Guards: []catalog.Instance{instance}}
	other := flip
	other.Service = "api"
	return map[string]func(context.Context) error{
		"Service":        func(ctx context.Context) error { _, err := s.Service(ctx, "web"); return err },
		"ServiceConfigs": func(ctx context.Context) error { _, err := s.ServiceConfigs(ctx); return err },
		"Deployments":    func(ctx context.Context) error { _, err := s.Deployments(ctx, "web", "production"); return err },
		"Routers":        func(ctx context.Context) error { _, err := s.Routers(ctx); return err },
		"Hosts":          func(ctx context.Context) error { _, err := s.Hosts(ctx); return err },
		"Registered":     func(ctx context.Context) error { _, err := s.Registered(ctx); return err },
		"Self":           func(ctx context.Context) error { _, _, err := s.Self(ctx); return err },
		"HeldLock":       func(ctx context.Context) error { _, _, err := s.HeldLock(ctx, "web", "production"); return err },
		"Decision":       func(ctx context.Context) error { _, _, err := s.Decision(ctx, "web", "production", "d1"); return err },
		"Flip":           func(ctx context.Context) error { _, err := s.Flip(ctx, flip); return err },
		"FlipTogether": func(ctx context.Context) error {
			_, err := s.FlipTogether(ctx, []catalog.Flip{flip, other})
			return err
		},
		"PutDeployment":    func(ctx context.Context) error { return s.PutDeployment(ctx, catalog.Deployment{ID: "d1"}, "s") },
		"PutRelease":       func(ctx context.Context) error { return s.PutRelease(ctx, "web", target, catalog.Release{}, "s") },
		"DeleteRelease":    func(ctx context.Context) error { return s.DeleteRelease(ctx, "web", target, "s") },
		"PutHost":          func(ctx context.Context) error { return s.PutHost(ctx, catalog.HostRecord{Node: "n"}) },
		"Unlock":           func(ctx context.Context) error { return s.Unlock(ctx, "web", "production", "s") },
		"Halt":             func(ctx context.Context) error { return s.Halt(ctx, "web", "production", catalog.Halt{}) },
		"Resume":           func(ctx context.Context) error { _, err := s.Resume(ctx, "web", "production"); return err },
		"RequestDrain":     func(ctx context.Context) error { return s.RequestDrain(ctx, instance, catalog.DrainRequest{}) },
		"Deregister":       func(ctx context.Context) error { return s.Deregister(ctx, "i") },
		"DeleteDeployment": func(ctx context.Context) error { return s.DeleteDeployment(ctx, catalog.Deployment{ID: "d1"}, "s") },
		"BreakLock": func(ctx context.Context) error {
			return s.BreakLock(ctx, "web", "production", catalog.HeldLock{Session: "s"})
		},
		"Lock": func(ctx context.Context) error {
			_, _, err := s.Lock(ctx, "web", "production", catalog.LockRecord{})
			return err
		},
		"Decide": func(ctx context.Context) error {
			return s.Decide(ctx, "web", "production", "d1", catalog.Decision{Verdict: catalog.Abort})
		},
		"UpdateServiceConfig": func(ctx context.Context) error {
			return s.UpdateServiceConfig(ctx, "web", func(c catalog.ServiceConfig) catalog.ServiceConfig { return c })
		},
	}
}

// result is what came of a call.
type result struct {
	name string
	err  error
	took time.Duration
}

// callAll makes all calls at once, each of a store of its own, for those of one
// store share connections.
func callAll(t *testing.T, how int32, giveUp time.Duration) []result {
	var results []result
	var mu sync.Mutex
	var calling sync.WaitGroup
	for name := range calls(nil) {
		s, mode := away(t)
		mode.Store(how)
		calling.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), giveUp)
			defer cancel()
			began := time.Now()
			err := calls(s)[name](ctx)
			mu.Lock()
			defer mu.Unlock()
			results = append(results, result{name, err, time.Since(began)})
		})
	}
	calling.Wait()
	return results
}

// Whatever is asked of an agent that is away fails, in a sentence and in time.
func TestAnAgentThatIsAwayFailsEveryCall(t *testing.T) {
	const soon = 10 * time.Second
	for name, when := range map[string]struct {
		how         int32
		giveUp      time.Duration // of the caller
		least, most time.Duration
		says        string
	}{
		"ends connections":               {how: refuses, giveUp: time.Minute, most: soon, says: "EOF"},
		"hangs":                          {how: hangs, giveUp: time.Minute, least: 9 * time.Second, most: 10*time.Second + soon, says: "has not answered in time; try again"},
		"hangs, and the caller gives up": {how: hangs, giveUp: time.Second, least: time.Second / 2, most: time.Second + soon, says: "context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, r := range callAll(t, when.how, when.giveUp) {
				require.ErrorContains(t, r.err, when.says, r.name)
				require.GreaterOrEqual(t, r.took, when.least, r.name)
				require.Less(t, r.took, when.most, r.name)
			}
		})
	}
}

// Nothing listens where the agent was.
func TestAnAgentThatIsGoneFailsEveryCall(t *testing.T) {
	for name, call := range calls(newStore(t, "127.0.0.1:1")) {
		began := time.Now()
		require.ErrorContains(t, call(t.Context()), "cannot reach Consul at 127.0.0.1:1", name)
		require.Less(t, time.Since(began), 10*time.Second, name)
	}
}
