package deployer_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// onceChecking does something when the instances are first waited for.
func (w *world) onceChecking(then func()) {
	var once sync.Once
	w.on = func(string, string) error {
		if w.checking() {
			once.Do(then)
		}
		return nil
	}
}

// A linked container that says of itself that it is not well keeps the release from
// going live, and is shown with what it said.
func TestALinkedContainerThatIsNotHealthy(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.onceChecking(func() { w.health("db", "unhealthy") })
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))
	f := failure(t, err)
	require.Equal(t, catalog.Checking, f.Stage)
	require.Contains(t, f.Reason, "4 of 4 instances of release r3 pass their checks; web-production-blue-db-1 on a is unhealthy; web-production-blue-db-1 on b is unhealthy")
	require.Contains(t, f.Details(), "web-production-blue-db-1 on a is running and unhealthy (its HEALTHCHECK said: nothing), and last wrote:")
	assertLiveUntouched(t, w)
}

func TestALinkedContainerThatBecomesHealthyIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.onceChecking(func() {
		w.health("db", "unhealthy")
		time.AfterFunc(40*time.Millisecond, func() { w.health("db", "healthy") })
	})
	req := request("good", "r3")
	req.Spec.Timeout = 30 * time.Second
	began := time.Now()
	_, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), 40*time.Millisecond)
}

// A standby that was stopped comes up in the order that it came up in at first, and
// each of its parts waits for the same.
func TestAStandbyIsStartedAgainInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for _, release := range []string{"r1", "r2"} {
		req := request("good", release)
		req.Spec.Timeout = 5 * time.Second
		req.Spec.Parts[1].After = []servicefile.Dependency{{Part: "db", Condition: servicefile.Healthy}}
		env := req.Spec.Environments["production"]
		env.StopStandby, env.Hosts, env.Replicas = true, []string{"a"}, 1
		req.Spec.Environments["production"] = env
		_, err := w.deployer().Deploy(t.Context(), req)
		require.NoError(t, err)
	}
	lists, healthy := 0, 0
	w.on = func(op, arg string) error {
		switch {
		case op == "start" && arg == "a-1":
			w.health("db", "starting")
		case op == "start" && arg == "a-2":
			healthy = lists
		case op == "list":
			if lists++; lists == 20 {
				w.health("db", "healthy")
			}
		}
		return nil
	}
	done, err := w.deployer().RollbackTo(t.Context(), to(""))
	require.NoError(t, err)
	require.Equal(t, "r1", done.Release)
	require.GreaterOrEqual(t, healthy, 20, "web began before db was healthy")
}
