package deployer_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
	"teal/fleet"
)

// canaried is a request to bring up r3 in steps.
func canaried(pause time.Duration) deployer.Request {
	req := request("good", "r3")
	rate := 0.05
	req.Spec.Canary = &servicefile.Canary{Steps: []int{5, 25, 100}, Pause: pause, Limits: servicefile.Limits{ErrorRate: &rate, Requests: 10}}
	return req
}

// watchAlias calls then, once, when production is seen at a value, and answers the
// values that were seen until now.
func (w *world) watchAlias(value string, then func()) func() []string {
	var mu sync.Mutex
	var done atomic.Bool
	var values []string
	w.on = func(op, _ string) error {
		if op != "service" && op != "target" {
			return nil
		}
		now := w.alias("production")
		mu.Lock()
		if len(values) == 0 || values[len(values)-1] != now {
			values = append(values, now)
		}
		mu.Unlock()
		if now == value && then != nil && done.CompareAndSwap(false, true) {
			then()
		}
		return nil
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(values)
	}
}

// failing makes a share of a target's requests fail, from a hundred to the next a
// time they are counted.
func (w *world) failing(bad catalog.Target, percent uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := uint64(0)
	w.counted = func(t catalog.Target) *fleet.Traffic {
		asked++
		counted := &fleet.Traffic{Requests: 100 * asked}
		if t == bad {
			counted.Errors = percent * asked
		}
		return counted
	}
}

// spoil makes a colour's containers fail their checks, on one host or, with an
// empty name, on all.
func (w *world) spoil(colour catalog.Colour, host string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, cs := range w.containers {
		for _, c := range cs {
			if c.Labels[catalog.LabelColour] == string(colour) && (host == "" || host == name) {
				c.Image = "sick"
			}
		}
	}
}

func TestCanaryGoesInSteps(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	seen := w.watchAlias("", nil)
	d, err := w.deployer().Deploy(t.Context(), canaried(8*time.Millisecond))

	require.NoError(t, err)
	require.Equal(t, catalog.Succeeded, d.State)
	require.Equal(t, []string{
		"green-production", "blue-production=5,green-production=95", "blue-production=25,green-production=75", "blue-production",
	}, seen())
	var notes []string
	for _, m := range d.Timeline {
		if m.State == catalog.Flipping {
			notes = append(notes, m.Note)
		}
	}
	require.Equal(t, []string{"", "5 % of the requests", "25 % of the requests"}, notes)
	require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"))
	require.Equal(t, catalog.Ready, w.release(t, "blue-production").State)
	require.Equal(t, catalog.Standby, w.release(t, "green-production").State)
}

func TestFirstDeploymentHasNoCanary(t *testing.T) {
	t.Parallel()
	w := newWorld()
	seen := w.watchAlias("", nil)
	_, err := w.deployer().Deploy(t.Context(), canaried(time.Hour))
	require.NoError(t, err)
	require.NotContains(t, seen(), "blue-production=5")
	require.Equal(t, "blue-production", w.alias("production"))
}

func TestCanaryThatGoesWrongGivesTheUsersBack(t *testing.T) {
	const step = "blue-production=25,green-production=75"
	for name, c := range map[string]struct {
		do     func(w *world, stop context.CancelFunc)
		reason string
		is     error
	}{
		"limit":    {func(w *world, _ context.CancelFunc) { w.failing(blue, 20) }, "20 % of", nil},
		"critical": {func(w *world, _ context.CancelFunc) { w.spoil(catalog.Blue, "b") }, "2 of 4 instances of release r3 pass", nil},
		"all gone": {func(w *world, _ context.CancelFunc) { w.stopAll("a", blue) }, "exited with 0", nil},
		"SIGINT":   {func(_ *world, stop context.CancelFunc) { stop() }, "", context.Canceled},
		"abort": {func(w *world, _ context.CancelFunc) {
			_, _, _ = w.deployer().Abort(context.Background(), "web", "production", "not on a Friday")
		}, "not on a Friday", nil},
		"flipped back": {func(w *world, _ context.CancelFunc) { w.setAlias("production", "green-production") }, "", catalog.ErrMoved},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := twoReleases(t)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			w.failing(blue, 0)
			req := canaried(10 * time.Millisecond)
			seen := w.watchAlias(step, func() { c.do(w, stop) })
			req.Spec.Canary.Steps = []int{5, 25, 99, 100}
			req.Spec.Canary.Pause = 60 * time.Millisecond
			d, err := w.deployer().Deploy(ctx, req)

			f := failure(t, err)
			require.Contains(t, seen(), step)
			require.Equal(t, catalog.RolledBack, f.Outcome)
			require.False(t, f.BeforeFlip)
			require.NoError(t, f.Leftover)
			require.Contains(t, f.Reason, c.reason)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.Equal(t, catalog.RolledBack, d.State)
			require.Equal(t, d.State, w.last(t).State)
			assertLiveUntouched(t, w)
		})
	}
}

func TestCanaryGivesWayToSomebodyElse(t *testing.T) {
	for _, choice := range []string{"blue-production", "blue-production=50,green-production=50"} {
		t.Run(choice, func(t *testing.T) {
			t.Parallel()
			w := twoReleases(t)
			w.failing(blue, 0)
			w.watchAlias("blue-production=5,green-production=95", func() { w.setAlias("production", choice) })
			_, err := w.deployer().Deploy(t.Context(), canaried(50*time.Millisecond))

			require.ErrorIs(t, err, catalog.ErrMoved)
			require.Equal(t, catalog.Superseded, failure(t, err).Outcome)
			require.Equal(t, catalog.Superseded, w.last(t).State)
			require.Equal(t, choice, w.alias("production"))
			require.Subset(t, w.names("a"), both(running("blue", "r3"), running("green", "r2")), "whoever gets requests runs")
			require.Empty(t, w.holder)
		})
	}
}

func TestDeadCanaryIsGivenBackByTheNextRun(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	w.watchAlias("blue-production=5,green-production=95", w.breakLock)
	_, err := w.deployer().Deploy(t.Context(), canaried(50*time.Millisecond))
	require.ErrorIs(t, err, catalog.ErrLockLost)
	require.Equal(t, "blue-production=5,green-production=95", w.alias("production"), "it is no longer ours to move")

	w.on = nil
	_, err = w.deployer().Deploy(t.Context(), request("sick", "r4"))
	require.NoError(t, failure(t, err).Leftover)
	assertLiveUntouched(t, w)
	all, err := w.Deployments(t.Context(), "web", "production")
	require.NoError(t, err)
	require.Equal(t, catalog.RolledBack, all[2].State)
}

// TestTooLittleTrafficBreaksNoLimit: what too few requests say is not judged, but
// told with both figures.
func TestTooLittleTrafficBreaksNoLimit(t *testing.T) {
	t.Parallel()
	for name, req := range map[string]deployer.Request{"canary": canaried(8 * time.Millisecond), "bake": baked(8 * time.Millisecond)} {
		t.Run(name, func(t *testing.T) {
			w := twoReleases(t)
			asked := uint64(0)
			w.counted = func(catalog.Target) *fleet.Traffic {
				asked = min(asked+1, 10)
				return &fleet.Traffic{Requests: asked, Errors: asked} // nine since the first time
			}
			var events []deployer.Event
			d, err := deployer.New(deployer.Options{
				Store: w, Connect: w.connect, Fleet: w, Poll: time.Millisecond, Acknowledge: 2 * time.Second, Routed: 2 * time.Second,
				Progress: func(e deployer.Event) { events = append(events, e) },
			}).Deploy(t.Context(), req)
			require.NoError(t, err)
			require.Equal(t, catalog.Succeeded, d.State)
			require.True(t, slices.ContainsFunc(events, func(e deployer.Event) bool {
				return e.Kind == deployer.Note && strings.Contains(e.Text, "requests while it was watched, too few of the 10 that its limits count from")
			}), "%v", events)
		})
	}
}
