package deployer_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// baked is a request to bring up r3 and watch it for a time.
func baked(during time.Duration) deployer.Request {
	req := request("good", "r3")
	rate := 0.05
	req.Spec.Bake = &servicefile.Bake{For: during, Limits: servicefile.Limits{ErrorRate: &rate, Requests: 10}}
	return req
}

// whileBaking calls then once the watch is recorded.
func (w *world) whileBaking(then func()) {
	w.onceIn(catalog.Baking, "target", then)
}

// onceIn calls then at the first of an operation in a state.
func (w *world) onceIn(state catalog.DeploymentState, op string, then func()) {
	var done atomic.Bool
	w.on = func(now, _ string) error {
		if now == op && w.in(state) && done.CompareAndSwap(false, true) {
			then()
		}
		return nil
	}
}

func TestBake(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(green, 50) // the old release's errors are not the new one's
	d, err := w.deployer().Deploy(t.Context(), baked(30*time.Millisecond))

	require.NoError(t, err)
	require.Equal(t, catalog.Succeeded, d.State)
	require.Contains(t, w.wrote, catalog.Baking)
	last := d.Timeline[len(d.Timeline)-1]
	require.GreaterOrEqual(t, last.At.Sub(d.Timeline[len(d.Timeline)-2].At), 30*time.Millisecond)
	require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"))
}

func TestBakeThatGoesWrongIsRolledBack(t *testing.T) {
	for name, c := range map[string]struct {
		do     func(w *world)
		reason string
	}{
		"error rate": {func(w *world) { w.failing(blue, 20) }, "of them"},
		"checks":     {func(w *world) { w.spoil(catalog.Blue, "a") }, "2 of 4 instances of release r3 pass"},
		"abort": {func(w *world) {
			_, _, _ = w.deployer().Abort(context.Background(), "web", "production", "users complain")
		}, "users complain"},
		"rolled back by hand": {func(w *world) { _, _ = w.deployer().Rollback(context.Background(), "web", "production", true) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := twoReleases(t)
			w.failing(blue, 0)
			w.whileBaking(func() { c.do(w) })
			d, err := w.deployer().Deploy(t.Context(), baked(time.Minute))

			f := failure(t, err)
			require.Equal(t, catalog.RolledBack, f.Outcome, f.Reason)
			require.NoError(t, f.Leftover)
			require.Equal(t, catalog.RolledBack, d.State)
			require.Contains(t, w.wrote, catalog.RollingBack)
			assertLiveUntouched(t, w)
		})
	}
}

func TestBakeThatCannotGoBack(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(req *deployer.Request)
		do      func(w *world)
		reason  string
	}{
		"irreversible task": {
			func(req *deployer.Request) {
				req.Spec.Tasks = []servicefile.Task{{Name: "migrate", Command: []string{"migrate"}, Timeout: time.Second}}
			},
			func(*world) {}, "what migrate did can't be taken back",
		},
		"nobody well to go back to": {
			func(*deployer.Request) {}, func(w *world) { w.spoil(catalog.Green, "") }, "no instance of green-production passes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := twoReleases(t)
			w.failing(blue, 0)
			w.whileBaking(func() {
				c.do(w)
				w.failing(blue, 20)
			})
			req := baked(time.Minute)
			c.prepare(&req)
			_, err := w.deployer().Deploy(t.Context(), req)

			f := failure(t, err)
			require.Equal(t, catalog.RollbackFailed, f.Outcome)
			require.Contains(t, f.Reason, c.reason)
			require.Equal(t, catalog.RollbackFailed, w.last(t).State)
			require.Equal(t, "blue-production", w.alias("production"))
			require.Subset(t, w.names("a"), running("blue", "r3"), "the release stays")
			require.Empty(t, w.holder)
		})
	}
}

func TestHostThatIsMissingToBothColoursIsNoReasonToGoBack(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	w.whileBaking(func() {
		w.spoil(catalog.Blue, "b")
		w.spoil(catalog.Green, "b")
	})
	d, err := w.deployer().Deploy(t.Context(), baked(60*time.Millisecond))
	require.NoError(t, err)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, catalog.Succeeded, d.State)
}

func TestInterruptedBakeSucceedsWithANote(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	ctx, stop := context.WithCancel(t.Context())
	var notes []string
	d := deployer.New(deployer.Options{
		Store: w, Connect: w.connect, Fleet: w, Poll: time.Millisecond,
		Progress: func(e deployer.Event) {
			if e.Kind == deployer.Note {
				notes = append(notes, e.Text)
			}
		},
	})
	w.whileBaking(stop)
	got, err := d.Deploy(ctx, baked(time.Minute))
	require.NoError(t, err)
	require.Equal(t, catalog.Succeeded, got.State)
	require.Contains(t, notes, "the watch over the new release was broken off: context canceled")
	require.Contains(t, got.Timeline[len(got.Timeline)-1].Note, "broken off", "the record tells it too")
	require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"))
}

func TestBakeGivesWayToSomebodyElse(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	w.whileBaking(func() { w.setAlias("production", "blue-production=1,green-production=1") })
	_, err := w.deployer().Deploy(t.Context(), baked(time.Minute))
	require.Equal(t, catalog.Superseded, failure(t, err).Outcome)
	require.Equal(t, "blue-production=1,green-production=1", w.alias("production"))
	require.Subset(t, w.names("a"), both(running("blue", "r3"), running("green", "r2")))
}

func TestAbortWhileDraining(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.inFlight[green] = 3
	w.onceIn(catalog.Draining, "target", func() {
		_, _, _ = w.deployer().Abort(context.Background(), "web", "production", "stop")
	})
	req := baked(time.Minute)
	req.Spec.Drain = 50 * time.Millisecond
	_, err := w.deployer().Deploy(t.Context(), req)
	require.Equal(t, catalog.RolledBack, failure(t, err).Outcome)
	assertLiveUntouched(t, w)
}

func TestStandbyIsStoppedUnlessSomebodyWentBackToIt(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := request("good", "r3")
	env := req.Spec.Environments["production"]
	env.StopStandby = true
	req.Spec.Environments["production"] = env
	_, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, "(web-production-green-web-1=r2)", w.names("a")[1])

	_, err = w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	w.onceIn(catalog.Draining, "target", func() {
		_, err := w.deployer().Rollback(t.Context(), "web", "production", false)
		require.NoError(t, err)
	})
	req.Release = "r4"
	_, err = w.deployer().Deploy(t.Context(), req)
	require.Equal(t, catalog.RolledBack, failure(t, err).Outcome)
	require.Equal(t, "green-production", w.alias("production"))
	require.Subset(t, w.names("a"), running("green", "r2"), "what is live is never stopped")
}
