package deployer_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/hosts"
	"teal/deployer/servicefile"
)

// onOneHost is a request for a single replica on host a.
func onOneHost(release string) deployer.Request {
	return inProduction(request("good", release), func(env *servicefile.Environment) {
		env.Hosts, env.Replicas = []string{"a"}, 1
	})
}

// withStandby is a world in which blue has r1, the standby, and green r2.
func withStandby(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	for _, release := range []string{"r1", "r2"} {
		_, err := w.deployer().Deploy(t.Context(), onOneHost(release))
		require.NoError(t, err)
	}
	return w
}

// TestWhatIsNewIsCreatedWhileTheStandbyEnds: the new database is there before the
// old web part has ended, and nothing new runs before all that is old has.
func TestWhatIsNewIsCreatedWhileTheStandbyEnds(t *testing.T) {
	t.Parallel()
	w := withStandby(t)
	created := make(chan struct{})
	ended := sync.OnceFunc(func() {
		select {
		case <-created:
		case <-time.After(20 * time.Second):
			assert.Fail(t, "the new database was not created meanwhile")
		}
	})
	var began sync.Once
	w.on = func(op, arg string) error {
		switch {
		case op == "stop" && w.in(catalog.Starting):
			ended()
		case op == "create" && arg == "web-production-blue-db-1":
			close(created)
		case op == "start" && w.in(catalog.Starting):
			began.Do(func() {
				for _, name := range w.names("a") {
					assert.False(t, strings.Contains(name, "blue") && !strings.HasPrefix(name, "("), "%s runs when the first new one starts", name)
				}
			})
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), onOneHost("r3"))
	require.NoError(t, err)
}

// TestAStandbyThatCannotEndLeavesNothingNew: what was created meanwhile goes, and
// the standby comes back under its name.
func TestAStandbyThatCannotEndLeavesNothingNew(t *testing.T) {
	t.Parallel()
	w := withStandby(t)
	before := w.names("a")
	var once sync.Once
	var there []string // when it fails
	w.on = func(op, _ string) (err error) {
		if op == "stop" && w.in(catalog.Starting) {
			once.Do(func() {
				assert.Eventually(t, func() bool {
					there = w.names("a")
					return slices.Contains(there, "(web-production-blue-db-1=r3)")
				}, 20*time.Second, time.Millisecond)
				err = errors.New("it does not end")
			})
		}
		return err
	}
	_, err := w.deployer().Deploy(t.Context(), onOneHost("r3"))
	f := failure(t, err)
	require.True(t, f.BeforeFlip)
	require.Contains(t, f.Reason, "it does not end")
	require.NoError(t, f.Leftover)
	require.Contains(t, there, "web-production-blue-db-1.previous=r1", "renamed while it ran")
	require.ElementsMatch(t, before, w.names("a"))
}

// tenacious is a host that stops containers in its own time, whether or not
// somebody waits for that, as engines do.
type tenacious struct {
	hosts.Host
	begun chan<- struct{}
	stops *sync.WaitGroup
}

func (h tenacious) Stop(ctx context.Context, id string, grace time.Duration) error {
	ended := make(chan error, 1)
	h.stops.Go(func() {
		time.Sleep(50 * time.Millisecond)
		ended <- h.Host.Stop(context.WithoutCancel(ctx), id, grace)
	})
	select {
	case h.begun <- struct{}{}:
	default:
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-ended:
		return err
	}
}

// TestAStopThatHasBegunIsWaitedFor: else the standby would end after it was found
// to be running and left alone.
func TestAStopThatHasBegunIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := withStandby(t)
	before := w.names("a")
	begun := make(chan struct{}, 1)
	var stops sync.WaitGroup
	w.on = func(op, arg string) error {
		if op == "create" && w.in(catalog.Starting) {
			<-begun
			return errors.New("no such mount")
		}
		return nil
	}
	d := deployer.New(deployer.Options{
		Store: w, Fleet: w, Poll: time.Millisecond, Acknowledge: 2 * time.Second, Routed: 2 * time.Second, Insist: time.Millisecond,
		Connect: func(endpoint string) (hosts.Host, error) {
			h, err := w.connect(endpoint)
			return tenacious{h, begun, &stops}, err
		},
	})
	_, err := d.Deploy(t.Context(), onOneHost("r3"))
	require.Contains(t, failure(t, err).Reason, "no such mount")
	stops.Wait()
	require.ElementsMatch(t, before, w.names("a"))
}

// TestWhatNeverStartedHoldsNobody: a target to which somebody points the alias by
// hand while it is staged is put back as long as nothing of the new runs there.
func TestWhatNeverStartedHoldsNobody(t *testing.T) {
	t.Parallel()
	w := withStandby(t)
	before := w.names("a")
	var once sync.Once
	w.on = func(op, _ string) (err error) {
		if op == "start" && w.in(catalog.Starting) {
			once.Do(func() {
				w.setAlias("production", "blue-production")
				err = errors.New("no room")
			})
		}
		return err
	}
	_, err := w.deployer().Deploy(t.Context(), onOneHost("r3"))
	require.Contains(t, failure(t, err).Reason, "no room")
	require.ElementsMatch(t, before, w.names("a"))
}

// TestWhoNeverStartedIsNotToBlame: only the part that failed shows its log, not
// those that had to wait for it.
func TestWhoNeverStartedIsNotToBlame(t *testing.T) {
	t.Parallel()
	w := newWorld()
	req := onOneHost("r1")
	req.Spec.Timeout = 20 * time.Millisecond
	req.Spec.Parts[0].Image = "crash"
	req.Spec.Parts[1].After = []servicefile.Dependency{{Part: "db", Condition: servicefile.Healthy}}
	_, err := w.deployer().Deploy(context.WithoutCancel(t.Context()), req)
	f := failure(t, err)
	require.Len(t, f.Logs, 1)
	require.Equal(t, "web-production-blue-db-1", f.Logs[0].Container)
}
