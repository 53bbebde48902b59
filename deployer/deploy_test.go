package deployer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// running are a host's names of a release in a colour.
func running(colour, release string) []string {
	return []string{
		fmt.Sprintf("web-production-%s-db-1=%s", colour, release),
		fmt.Sprintf("web-production-%s-web-1=%s", colour, release),
		fmt.Sprintf("web-production-%s-web-2=%s", colour, release),
	}
}

func both(a, b []string) []string { return append(append([]string{}, a...), b...) }

func failure(t *testing.T, err error) *deployer.Failure {
	t.Helper()
	var f *deployer.Failure
	require.ErrorAs(t, err, &f)
	return f
}

func TestFirstDeploymentMakesTheAlias(t *testing.T) {
	w := newWorld()
	d := w.deploy(t, "r1")

	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, running("blue", "r1"), w.names("a"))
	require.Equal(t, running("blue", "r1"), w.names("b"))
	require.Equal(t, catalog.Ready, w.release(t, "blue-production").State)
	require.Equal(t, "sha256:good", w.release(t, "blue-production").Images["web"])
	require.Equal(t, "A shop", w.config.Description)
	require.Empty(t, w.holder, "the lock is let go")
	require.Equal(t, []catalog.DeploymentState{
		catalog.Locked, catalog.Pulling, catalog.Starting, catalog.Checking, catalog.Flipping, catalog.Draining, catalog.Succeeded,
	}, slices.Compact(w.wrote), "every state is recorded, in order")
	require.Equal(t, catalog.Pending, d.Timeline[0].State)
	require.Len(t, d.Timeline, 8)
	require.Equal(t, d, w.last(t))
}

func TestSecondDeploymentKeepsTheFirstAsStandby(t *testing.T) {
	w := newWorld()
	w.deploy(t, "r1")
	d := w.deploy(t, "r2")

	require.Equal(t, "green-production", w.alias("production"))
	require.Equal(t, both(running("blue", "r1"), running("green", "r2")), w.names("a"))
	require.Equal(t, catalog.Standby, w.release(t, "blue-production").State)
	require.Equal(t, catalog.Ready, w.release(t, "green-production").State)
	require.Equal(t, "blue-production", d.Previous.String())
	require.Equal(t, 1, w.configs, "the configuration did not change")
}

func TestThirdDeploymentKeepsTheStandbyUntilTheFlip(t *testing.T) {
	w := newWorld()
	w.deploy(t, "r1")
	w.deploy(t, "r2")
	var atFlip []string
	w.on = func(op, _ string) error {
		if op == "flip" {
			atFlip = w.names("a")
		}
		return nil
	}
	w.deploy(t, "r3")

	require.Contains(t, atFlip, "(web-production-blue-web-1.previous=r1)")
	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"))
}

// assertLiveUntouched is what must hold after any failure of r3 over r2 live in
// green and r1 standby in blue.
func assertLiveUntouched(t *testing.T, w *world) {
	t.Helper()
	require.Equal(t, "green-production", w.alias("production"))
	for _, h := range []string{"a", "b"} {
		require.Equal(t, both(running("blue", "r1"), running("green", "r2")), w.names(h), h)
	}
	require.Equal(t, "r1", w.release(t, "blue-production").ID)
	require.Equal(t, catalog.Standby, w.release(t, "blue-production").State)
	require.Equal(t, catalog.Ready, w.release(t, "green-production").State)
	require.Empty(t, w.holder)
}

func twoReleases(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	w.deploy(t, "r1")
	w.deploy(t, "r2")
	return w
}

func TestNeverHealthy(t *testing.T) {
	w := twoReleases(t)
	d, err := w.deployer().Deploy(t.Context(), request("sick", "r3"))

	f := failure(t, err)
	require.Equal(t, catalog.Checking, f.Stage)
	require.Equal(t, catalog.Failed, f.Outcome)
	require.True(t, f.BeforeFlip)
	require.NoError(t, f.Leftover)
	require.Contains(t, f.Reason, "0 of 4 instances of release r3 pass")
	require.Contains(t, f.Reason, "production still points at green-production")
	require.Len(t, f.Checks, 4)
	require.Equal(t, "503 the database is away", f.Checks[0].Output)
	require.Len(t, f.Logs, 4)
	require.Contains(t, err.Error(), "log of")
	require.Equal(t, catalog.Failed, d.State)
	require.Equal(t, f.Reason, w.last(t).Reason)
	assertLiveUntouched(t, w)
}

func TestFirstDeploymentThatFailsLeavesNothing(t *testing.T) {
	w := newWorld()
	_, err := w.deployer().Deploy(t.Context(), request("sick", "r1"))

	require.Contains(t, failure(t, err).Reason, "nothing was live before")
	require.Empty(t, w.names("a"))
	require.Empty(t, w.names("b"))
	require.Empty(t, w.networks["a"])
	require.Empty(t, w.releases)
	require.Empty(t, w.aliases)
}

func TestCrashEndsTheWaitEarly(t *testing.T) {
	w := twoReleases(t)
	req := request("crash", "r3")
	req.Spec.Timeout = time.Hour
	_, err := w.deployer().Deploy(t.Context(), req)

	f := failure(t, err)
	require.Contains(t, f.Reason, "exited with 3")
	require.Len(t, f.Logs, 4)
	require.Equal(t, "exited with 3", f.Logs[0].State)
	assertLiveUntouched(t, w)
}

func TestInterrupted(t *testing.T) {
	for _, state := range []catalog.DeploymentState{catalog.Pulling, catalog.Starting, catalog.Checking, catalog.Testing, catalog.Flipping} {
		t.Run(string(state), func(t *testing.T) {
			w := twoReleases(t)
			ctx, cancel := context.WithCancel(t.Context())
			w.on = func(op, arg string) error {
				if op == "deployment" && arg == string(state) {
					cancel()
				}
				return nil
			}
			_, err := w.deployer().Deploy(ctx, gated(request("good", "r3")))

			f := failure(t, err)
			require.Equal(t, catalog.Aborted, f.Outcome)
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, catalog.Aborted, w.last(t).State)
			assertLiveUntouched(t, w)
		})
	}
}

func TestInterruptedWhileDrainingStillSucceeds(t *testing.T) {
	w := twoReleases(t)
	w.inFlight[catalog.Target{Colour: catalog.Green, Environment: "production"}] = 7
	ctx, cancel := context.WithCancel(t.Context())
	req := request("good", "r3")
	req.Spec.Drain = time.Hour
	d := deployer.New(deployer.Options{Store: w, Connect: w.connect, Fleet: w, Poll: time.Millisecond, Progress: func(e deployer.Event) {
		if e.State == catalog.Draining {
			cancel()
		}
	}})
	got, err := d.Deploy(ctx, req)

	require.NoError(t, err)
	require.Equal(t, catalog.Succeeded, got.State)
	require.Contains(t, got.Timeline[len(got.Timeline)-1].Note, "interrupted")
	require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"))
}

func TestAliasMovedMeanwhile(t *testing.T) {
	w := twoReleases(t)
	w.on = func(op, _ string) error {
		if op == "flip" {
			w.setAlias("production", "green-production") // the same value, but another write
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))

	f := failure(t, err)
	require.ErrorIs(t, err, catalog.ErrMoved)
	require.Equal(t, catalog.Superseded, f.Outcome)
	require.Equal(t, catalog.Superseded, w.last(t).State)
	assertLiveUntouched(t, w)
}

func TestAliasMovedByHandToTheTargetItselfIsNotStopped(t *testing.T) {
	w := twoReleases(t)
	w.on = func(op, _ string) error {
		if op == "flip" {
			w.setAlias("production", "blue-production")
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))

	require.Error(t, failure(t, err).Leftover)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Subset(t, w.names("a"), running("blue", "r3"), "what is live runs")
}

func TestRollbackOvertakesADeployment(t *testing.T) {
	for _, at := range []string{"pull", "deployment staging", "release staging"} {
		t.Run(at, func(t *testing.T) {
			w := twoReleases(t)
			var once sync.Once
			var rollback error
			w.on = func(op, arg string) error {
				if op == at || op+" "+arg == at {
					once.Do(func() {
						w.on = nil // the other host may call meanwhile; it misses nothing
						_, rollback = w.deployer().Rollback(t.Context(), "web", "production", false)
					})
				}
				return nil
			}
			req := request("good", "r3")
			req.Spec.Environments["production"] = servicefile.Environment{Name: "production", Hosts: []string{"a"}, Replicas: 2, Coloured: true}
			stopped := w.stops
			_, err := w.deployer().Deploy(t.Context(), req)

			require.NoError(t, rollback)
			require.ErrorIs(t, err, catalog.ErrMoved)
			require.NoError(t, failure(t, err).Leftover)
			require.Equal(t, stopped, w.stops, "what went live was never stopped")
			require.Equal(t, "blue-production", w.alias("production"))
			require.Equal(t, both(running("blue", "r1"), running("green", "r2")), w.names("a"))
			require.Equal(t, "r1", w.release(t, "blue-production").ID)
			require.Equal(t, catalog.Ready, w.release(t, "blue-production").State)
			require.Equal(t, catalog.Standby, w.release(t, "green-production").State)
		})
	}
}

func TestUnhealthyAtTheFlip(t *testing.T) {
	w := twoReleases(t)
	w.on = func(op, _ string) error {
		if op == "flip" {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, c := range w.containers["b"] {
				if c.Name == "web-production-blue-web-2" {
					c.Image = "sick"
				}
			}
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))

	f := failure(t, err)
	require.ErrorIs(t, err, catalog.ErrUnhealthy)
	require.Equal(t, catalog.Failed, f.Outcome)
	require.Len(t, f.Checks, 1)
	require.Equal(t, "b:web-production-blue-web-2", f.Checks[0].Instance)
	assertLiveUntouched(t, w)
}

func TestFlipWhoseAnswerIsLost(t *testing.T) {
	w := twoReleases(t)
	w.on = func(op, _ string) error {
		if op == "flip" {
			return errors.New("connection reset") // before it reached Consul
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))
	require.ErrorContains(t, err, "connection reset")
	assertLiveUntouched(t, w)
	w.on = nil

	lossy := &lossyFlip{world: w}
	d := deployer.New(deployer.Options{Store: lossy, Connect: w.connect, Fleet: w, Poll: time.Millisecond})
	got, err := d.Deploy(t.Context(), request("good", "r4"))
	require.NoError(t, err, "the flip is through, whatever the answer was")
	require.Equal(t, catalog.Succeeded, got.State)
	require.Equal(t, "blue-production", w.alias("production"))
}

// lossyFlip flips and loses the answer.
type lossyFlip struct{ *world }

func (l *lossyFlip) FlipTogether(ctx context.Context, flips []catalog.Flip) (uint64, error) {
	if _, err := l.world.FlipTogether(ctx, flips); err != nil {
		return 0, err
	}
	return 0, errors.New("connection reset")
}

func TestLockBusy(t *testing.T) {
	w := newWorld()
	w.holder = "somebody"
	_, err := w.deployer().Deploy(t.Context(), request("good", "r1"))
	require.ErrorIs(t, err, catalog.ErrLocked)
	require.ErrorContains(t, err, "ops@somewhere")
	require.Empty(t, w.deployments)
}

func TestLostLockLeavesAllToTheNextRun(t *testing.T) {
	w := twoReleases(t)
	req := request("sick", "r3")
	req.Spec.Timeout = time.Hour
	w.on = func(op, arg string) error {
		if op == "deployment" && arg == string(catalog.Checking) {
			defer w.breakLock()
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), req)

	f := failure(t, err)
	require.ErrorIs(t, err, catalog.ErrLockLost)
	require.Equal(t, catalog.Aborted, f.Outcome)
	require.Error(t, f.Leftover)
	require.Contains(t, w.names("a"), "web-production-blue-web-1=r3", "it is no longer ours to remove")
	require.Equal(t, "green-production", w.alias("production"))

	w.on = nil
	w.deploy(t, "r4")
	require.Equal(t, both(running("blue", "r4"), running("green", "r2")), w.names("a"))
}

func TestUnreachableHostEndsItBeforeAnythingIsTouched(t *testing.T) {
	w := twoReleases(t)
	w.deaf["b"] = true
	created := w.created
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))

	require.Contains(t, failure(t, err).Reason, "host b: it does not answer")
	require.Equal(t, created, w.created)
	assertLiveUntouched(t, w)
}

func TestImageThatCannotBePulled(t *testing.T) {
	w := twoReleases(t)
	_, err := w.deployer().Deploy(t.Context(), request("missing", "r3"))
	require.Contains(t, failure(t, err).Reason, "image missing can't be had there")
	assertLiveUntouched(t, w)
}

func TestNameTakenByAStranger(t *testing.T) {
	w := twoReleases(t)
	w.containers["b"] = append(w.containers["b"], &catalog.Container{ID: "s", Name: "web-production-blue-web-3", Running: true})
	req := request("good", "r3")
	req.Spec.Environments["production"] = servicefile.Environment{Name: "production", Hosts: []string{"a", "b"}, Replicas: 3, Coloured: true}
	_, err := w.deployer().Deploy(t.Context(), req)

	require.ErrorIs(t, err, catalog.ErrNameTaken)
	require.Contains(t, failure(t, err).Reason, "a container that is not Teal's is called web-production-blue-web-3")
	require.Contains(t, w.names("b"), "web-production-blue-web-3=", "a stranger's container is left alone")
	w.containers["b"] = w.containers["b"][:len(w.containers["b"])-1]
}

func TestSplitHasNoOfflineColour(t *testing.T) {
	w := twoReleases(t)
	w.setAlias("production", "green-production=1,blue-production=9")
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))
	require.ErrorContains(t, err, "splits requests over both colours")
	require.True(t, failure(t, err).BeforeFlip)
	require.Empty(t, w.holder)
}

func TestDrainIsBoundedAndNoted(t *testing.T) {
	w := twoReleases(t)
	w.inFlight[catalog.Target{Colour: catalog.Green, Environment: "production"}] = 2
	d := w.deploy(t, "r3")
	require.Contains(t, d.Timeline[len(d.Timeline)-1].Note, "2 requests are still under way")
}

func TestNoRouterIsNoted(t *testing.T) {
	w := newWorld()
	w.routers = nil
	d := w.deploy(t, "r1")
	require.Contains(t, d.Timeline[len(d.Timeline)-1].Note, "no router is running")
}

func TestUncolouredEnvironmentIsReplacedInPlace(t *testing.T) {
	w := newWorld()
	req := request("good", "r1")
	req.Environment = "integration"
	for _, release := range []string{"r1", "r2"} {
		req.Release = release
		_, err := w.deployer().Deploy(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, []string{"web-integration-db-1=" + release, "web-integration-web-1=" + release}, w.names("a"))
		require.Equal(t, "integration", w.alias("integration"))
		require.Equal(t, catalog.Ready, w.release(t, "integration").State)
	}

	req = request("sick", "r3")
	req.Environment = "integration"
	_, err := w.deployer().Deploy(t.Context(), req)
	require.Contains(t, failure(t, err).Reason, "the containers from before are put back")
	require.Equal(t, []string{"web-integration-db-1=r2", "web-integration-web-1=r2"}, w.names("a"))
	require.Equal(t, "r2", w.release(t, "integration").ID)
	require.Equal(t, catalog.Ready, w.release(t, "integration").State)
}

func TestPartThatRunsOnceMayExit(t *testing.T) {
	w := newWorld()
	req := request("good", "r1")
	req.Spec.Parts[0] = servicefile.Part{Name: "db", Image: "job", Once: true}
	req.Spec.Parts[1].After = []servicefile.Dependency{{Part: "db", Condition: servicefile.Completed}}
	_, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.Contains(t, w.names("a"), "(web-production-blue-db-1=r1)")

	req = request("good", "r2")
	req.Spec.Parts[0] = servicefile.Part{Name: "db", Image: "crash-job", Once: true}
	req.Spec.Parts[1].After = []servicefile.Dependency{{Part: "db", Condition: servicefile.Completed}}
	_, err = w.deployer().Deploy(t.Context(), req)
	require.Contains(t, failure(t, err).Reason, "part web waits for db: web-production-green-db-1 exited with 3")
	require.Equal(t, "blue-production", w.alias("production"))
}

func TestSameReleaseAgain(t *testing.T) {
	w := newWorld()
	for range 4 {
		w.deploy(t, "r1")
	}
	require.Equal(t, "green-production", w.alias("production"))
	require.Len(t, w.names("a"), 6)
}

func TestFewerReplicasAndHosts(t *testing.T) {
	w := twoReleases(t)
	req := request("good", "r3")
	req.Spec.Environments["production"] = servicefile.Environment{Name: "production", Hosts: []string{"a"}, Replicas: 1, Coloured: true}
	_, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, both(running("blue", "r3")[:2], running("green", "r2")), w.names("a"))
}

func TestSettleIsWithoutABreak(t *testing.T) {
	w := newWorld()
	set := func(image string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range w.containers["a"] {
			if c.Labels[catalog.LabelPart] == "web" {
				c.Image = image
			}
		}
	}
	var looks atomic.Int64 // a millisecond each, however long they take
	var broken, flipped int64
	w.on = func(op, _ string) error {
		switch {
		case op == "service" && w.checking():
			switch looks.Add(1) {
			case 8:
				set("sick")
			case 10:
				set("good")
				broken = looks.Load()
			}
		case op == "flip":
			flipped = looks.Load()
		}
		return nil
	}
	req := request("good", "r1")
	req.Spec.Settle, req.Spec.Timeout = 40*time.Millisecond, 5*time.Second
	_, err := deployer.New(deployer.Options{
		Store: w, Connect: w.connect, Fleet: w, By: "test@here",
		Poll: time.Millisecond, Acknowledge: 2 * time.Second, Routed: 2 * time.Second,
		Now: func() time.Time { return time.UnixMilli(1e12 + looks.Load()) },
	}).Deploy(t.Context(), req)
	require.NoError(t, err)
	require.NotZero(t, broken)
	require.GreaterOrEqual(t, flipped-broken, req.Spec.Settle.Milliseconds())
}

func TestPartThatWaitsForAHealthyOne(t *testing.T) {
	w := newWorld()
	req := request("good", "r1")
	req.Spec.Timeout = 5 * time.Second
	req.Spec.Environments["production"] = servicefile.Environment{Name: "production", Hosts: []string{"a"}, Replicas: 1, Coloured: true}
	req.Spec.Parts[1].After = []servicefile.Dependency{{Part: "db", Condition: servicefile.Healthy}}
	lists := 0
	w.on = func(op, arg string) error {
		switch {
		case op == "start" && arg == "a-2":
			assert.GreaterOrEqual(t, lists, 20, "web began before db was healthy")
		case op == "start":
			w.health("db", "starting")
		case op == "list":
			if lists++; lists == 20 {
				w.health("db", "healthy")
			}
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)

	w = newWorld()
	req.Spec.Timeout = 20 * time.Millisecond
	w.on = func(string, string) error {
		w.health("db", "unhealthy")
		return nil
	}
	_, err = w.deployer().Deploy(t.Context(), req)
	require.Contains(t, failure(t, err).Reason, "part web waited 20ms for db (service_healthy) in vain")
	require.Empty(t, w.names("a"))
}

// TestPartWithAHealthcheckOfTheFile: it is not healthy before it was asked, also
// when a kept release comes back without its file.
func TestPartWithAHealthcheckOfTheFile(t *testing.T) {
	w := newWorld()
	check := &catalog.Healthcheck{Test: []string{catalog.HealthcheckShell, "pg_isready"}, Interval: time.Second}
	starting := func() *catalog.Container {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range w.containers["a"] {
			if c.Running && c.Health == "starting" {
				return c
			}
		}
		return nil
	}
	lists, waited := 0, 0
	w.on = func(op, _ string) error {
		c := starting()
		switch {
		case op == "start":
			assert.Nil(t, c, "web began before db was healthy")
			lists = 0
		case op == "list" && c != nil:
			if lists++; lists == 5 {
				w.health("db", "healthy")
				waited++
			}
		}
		return nil
	}
	for _, release := range []string{"r1", "r2", "r3"} {
		req := onOneHost(release)
		req.Spec.Timeout = 5 * time.Second
		req.Spec.Parts[0].Healthcheck = check
		req.Spec.Parts[1].After = []servicefile.Dependency{{Part: "db", Condition: servicefile.Healthy}}
		_, err := w.deployer().Deploy(t.Context(), req)
		require.NoError(t, err)
	}
	w.backTo(t, "r1")
	require.Equal(t, 4, waited)
	for _, c := range w.containers["a"] {
		if c.Labels[catalog.LabelPart] == "db" {
			require.Equal(t, check, w.specs[c.ID].Healthcheck)
		}
	}
}

func TestHostsAndConsulMayBeSilentForAMoment(t *testing.T) {
	w := newWorld()
	looks := 0
	var mu sync.Mutex
	w.on = func(op, _ string) error {
		mu.Lock()
		defer mu.Unlock()
		if checking := w.checking(); checking && (op == "list" || op == "service") {
			if looks++; looks < 8 {
				return errors.New("a hiccup")
			}
		}
		return nil
	}
	w.deploy(t, "r1")
	require.Greater(t, looks, 8)

	w.on = func(op, _ string) error {
		if op == "service" && w.checking() {
			return errors.New("connection refused")
		}
		return nil
	}
	req := request("good", "r2")
	req.Spec.Timeout = 10 * time.Millisecond
	_, err := w.deployer().Deploy(t.Context(), req)
	f := failure(t, err)
	require.Contains(t, f.Reason, "0 of 4 instances of release r2 pass their checks; read service web: connection refused")
	require.Error(t, f.Leftover, "what can't be read can't be reverted")

	w.on = nil
	w.deploy(t, "r3")
	require.Equal(t, both(running("blue", "r1"), running("green", "r3")), w.names("a"))
}
