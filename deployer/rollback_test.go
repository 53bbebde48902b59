package deployer_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/hosts"
)

var (
	blue  = catalog.Target{Colour: catalog.Blue, Environment: "production"}
	green = catalog.Target{Colour: catalog.Green, Environment: "production"}
)

func TestRollbackToRunningStandby(t *testing.T) {
	w := twoReleases(t)
	created := w.created
	done, err := w.deployer().Rollback(t.Context(), "web", "production", false)

	require.NoError(t, err)
	require.Equal(t, "green-production", done.From.String())
	require.Equal(t, "blue-production", done.To.String())
	require.Equal(t, "r1", done.Release)
	require.Equal(t, 1, done.Routers)
	require.Empty(t, done.Notes)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, catalog.Ready, w.release(t, "blue-production").State)
	require.Equal(t, catalog.Standby, w.release(t, "green-production").State)
	require.Equal(t, created, w.created)

	done, err = w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err, "and forth again")
	require.Equal(t, "green-production", done.To.String())
}

func TestRollbackStartsAStoppedStandby(t *testing.T) {
	w := twoReleases(t)
	w.stopAll("a", blue)
	w.stopAll("b", blue)
	w.deaf["b"] = true
	done, err := w.deployer().Rollback(t.Context(), "web", "production", false)

	require.NoError(t, err, "with the hosts that answer")
	require.Equal(t, "blue-production", done.To.String())
	require.Equal(t, both(running("blue", "r1"), running("green", "r2")), w.names("a"))
}

func TestRollbackOfAStandbyThatNoHostHas(t *testing.T) {
	w := twoReleases(t)
	w.stopAll("a", blue)
	w.stopAll("b", blue)
	w.deaf["a"], w.deaf["b"] = true, true
	_, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	f := failure(t, err)
	require.Contains(t, f.Reason, "none of its hosts answers")
	require.True(t, f.BeforeFlip)
	require.Equal(t, "green-production", w.alias("production"))
}

func TestRollbackWithNothingToGoBackTo(t *testing.T) {
	w := newWorld()
	d := w.deployer()
	_, err := d.Rollback(t.Context(), "web", "production", false)
	require.ErrorContains(t, err, "nothing was ever deployed there")

	w.deploy(t, "r1")
	_, err = d.Rollback(t.Context(), "web", "production", false)
	require.ErrorContains(t, err, "green-production holds no release")

	w.setAlias("integration", "integration")
	_, err = d.Rollback(t.Context(), "web", "integration", false)
	require.ErrorContains(t, err, "no other colour to go back to")
}

func TestRollbackDuringADeploymentIsRefused(t *testing.T) {
	w := twoReleases(t)
	var rollback error
	w.on = func(op, arg string) error {
		if op == "deployment" && arg == string(catalog.Checking) {
			_, rollback = w.deployer().Rollback(t.Context(), "web", "production", false)
		}
		return nil
	}
	w.deploy(t, "r3")
	require.ErrorContains(t, rollback, "is replacing what blue-production held")
}

func TestRollbackThatLoses(t *testing.T) {
	w := twoReleases(t)
	w.on = func(op, _ string) error {
		if op == "flip" {
			w.setAlias("production", "green-production")
		}
		return nil
	}
	_, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.ErrorIs(t, err, catalog.ErrMoved)
	require.Equal(t, catalog.RollbackFailed, failure(t, err).Outcome)
}

func TestFlipToASplit(t *testing.T) {
	w := twoReleases(t)
	split, err := catalog.ParseAliasValue("green-production=90,blue-production=10")
	require.NoError(t, err)
	_, err = w.deployer().Flip(t.Context(), "web", "production", split)
	require.NoError(t, err)
	require.Equal(t, split.String(), w.alias("production"))
	require.Equal(t, catalog.Ready, w.release(t, "blue-production").State, "both get requests")

	_, err = w.deployer().Flip(t.Context(), "web", "production", catalog.PointTo(green))
	require.NoError(t, err)
	require.Equal(t, catalog.Standby, w.release(t, "blue-production").State)

	index := w.index
	again, err := w.deployer().Flip(t.Context(), "web", "production", catalog.PointTo(green))
	require.NoError(t, err)
	require.Equal(t, []string{"production points at green-production already"}, again.Notes)
	require.Equal(t, index, w.index)

	_, err = w.deployer().Flip(t.Context(), "web", "beta", catalog.PointTo(blue))
	require.NoError(t, err, "an alias of any name")
	require.Equal(t, catalog.Standby, w.release(t, "blue-production").State, "is nothing to the environment")
}

func TestFlipRefusesWhatCannotTakeRequests(t *testing.T) {
	w := newWorld()
	w.deploy(t, "r1")
	d := w.deployer()

	_, err := d.Flip(t.Context(), "web", "production", catalog.PointTo(green))
	require.ErrorIs(t, err, catalog.ErrUnhealthy)
	require.ErrorContains(t, err, "green-production has no instances")

	for _, state := range []catalog.ReleaseState{catalog.Staging, catalog.Dirty} {
		w.releases[blue] = catalog.Release{ID: "r1", State: state}
		_, err = d.Flip(t.Context(), "web", "production", catalog.PointTo(blue))
		require.Error(t, err, state)
	}
	w.releases[blue] = catalog.Release{ID: "r0", State: catalog.Ready}
	_, err = d.Flip(t.Context(), "web", "production", catalog.PointTo(blue))
	require.ErrorIs(t, err, catalog.ErrUnhealthy, "instances of another release do not count")

	_, err = d.Flip(t.Context(), "web", "production", catalog.AliasValue{})
	require.ErrorContains(t, err, "it names no target")
	_, err = d.Flip(t.Context(), "web", "Bad Alias", catalog.PointTo(blue))
	require.Error(t, err)
}

func TestRoutersThatLagAreNoted(t *testing.T) {
	w := twoReleases(t)
	lag := &laggingRouters{world: w}
	d := deployer.New(deployer.Options{Store: lag, Connect: w.connect, Poll: time.Millisecond, Acknowledge: 10 * time.Millisecond})
	done, err := d.Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Len(t, done.Notes, 1)
	require.Contains(t, done.Notes[0], "routers slow have not applied the flip")
}

func TestStatus(t *testing.T) {
	w := twoReleases(t)
	_, err := w.deployer().Deploy(t.Context(), request("sick", "r3"))
	require.Error(t, err)
	w.setAlias("production", "green-production")

	status, err := w.deployer().Status(t.Context(), "web")
	require.NoError(t, err)
	require.Len(t, status.Aliases, 1)
	require.True(t, status.Aliases[0].ByHand)
	require.Equal(t, []catalog.Target{blue, green}, []catalog.Target{status.Targets[0].Target, status.Targets[1].Target})
	require.Equal(t, []string{"production"}, status.Targets[1].Live)
	require.Equal(t, 4, status.Targets[0].Passing)
	require.Zero(t, status.Targets[0].Strangers)
	require.Len(t, status.Deployments, 3)
	require.Equal(t, catalog.Failed, status.Deployments[0].State)
	require.False(t, status.Routers[0].Current, "the router has not applied the flip by hand")

	_, err = newWorld().deployer().Status(t.Context(), "nobody")
	require.ErrorContains(t, err, "no service nobody is known")
}

// startless makes the starts of some containers fail for good.
func (w *world) startless(ids ...string) {
	w.on = func(op, arg string) error {
		if op == "start" && slices.Contains(ids, arg) {
			return errors.New("its port is taken")
		}
		return nil
	}
}

// containerOn is the id of a host's container.
func (w *world) containerOn(t *testing.T, host, name string) string {
	t.Helper()
	for _, c := range w.containers[host] {
		if c.Name == name {
			return c.ID
		}
	}
	require.FailNow(t, "no such container", name)
	return ""
}

func TestRollbackStartsWhatCanBeStarted(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.stopAll("a", blue)
	w.stopAll("b", blue)
	w.startless(w.containerOn(t, "b", "web-production-blue-web-1"))
	done, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err, "going back with fewer is better than not going back")
	require.Equal(t, "blue-production", w.alias("production"))
	require.Subset(t, w.names("a"), running("blue", "r1"))
	require.Contains(t, w.names("b"), "web-production-blue-web-2=r1", "beside the one that can't")
	require.Equal(t, []string{"1 of 4 instances of blue-production are missing (passing: 2 on a, 1 on b): host b: start web-production-blue-web-1 again: its port is taken"}, done.Notes)

	w = twoReleases(t)
	w.stopAll("a", blue)
	w.stopAll("b", blue)
	w.deaf["b"] = true
	done, err = w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, []string{"2 of 4 instances of blue-production are missing (passing: 2 on a): host b: connection refused"}, done.Notes)
}

func TestRollbackOfAStandbyThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.stopAll("a", blue)
	w.stopAll("b", blue)
	w.on = func(op, _ string) error {
		if op == "start" {
			return errors.New("its port is taken")
		}
		return nil
	}
	_, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	f := failure(t, err)
	require.Equal(t, catalog.RollbackFailed, f.Outcome)
	require.Contains(t, f.Reason, "no container that could be started")
	require.Contains(t, f.Reason, "its port is taken")
	require.Equal(t, "green-production", w.alias("production"))
}

// Some that were started may never pass; those that do are gone back to when the
// time is over.
func TestRollbackGoesWithTheInstancesThatPass(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.stopAll("a", blue)
	w.stopAll("b", blue)
	for _, c := range w.containers["b"] {
		if c.Name == "web-production-blue-web-2" {
			c.Image = "sick"
		}
	}
	done, err := w.hasty().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, []string{"1 of 4 instances of blue-production are missing (passing: 2 on a, 1 on b): 3 of 4 pass 1m0s after they were started again"}, done.Notes)
}

// hasty is a deployer for which a minute is over in no time.
func (w *world) hasty() *deployer.Deployer {
	var looks atomic.Int64
	return deployer.New(deployer.Options{
		Store: w, Connect: w.connect, Fleet: w, By: "test@here", Poll: time.Millisecond, Insist: time.Millisecond,
		Now: func() time.Time { return time.Now().Add(time.Duration(looks.Add(1)) * time.Second) },
	})
}

// stop stops one container of a host.
func (w *world) stop(t *testing.T, host, name string) {
	t.Helper()
	id := w.containerOn(t, host, name)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.containers[host] {
		if c.ID == id {
			c.Running = false
		}
	}
}

// halfStopped is a world whose standby has one instance of four left, as a deployer
// leaves it that is killed while it stops the standby.
func halfStopped(t *testing.T) *world {
	t.Helper()
	w := twoReleases(t)
	w.stop(t, "a", "web-production-blue-web-1")
	w.stopAll("b", blue)
	return w
}

func TestRollbackStartsTheRestOfAHalfStoppedStandby(t *testing.T) {
	t.Parallel()
	w := halfStopped(t)
	w.on = func(op, _ string) error {
		if op == "flip" {
			require.Subset(t, w.names("a"), running("blue", "r1"), "before anybody is sent there")
			require.Subset(t, w.names("b"), running("blue", "r1"))
		}
		return nil
	}
	done, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Empty(t, done.Notes)

	w = halfStopped(t)
	w.startless(w.containerOn(t, "b", "web-production-blue-web-2"))
	done, err = w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, []string{"1 of 4 instances of blue-production are missing (passing: 2 on a, 1 on b): host b: start web-production-blue-web-2 again: its port is taken"}, done.Notes)
}

// Nor does one of which nobody knows how many instances there should be.
func TestRollbackToAWholeStandbyAsksNoHost(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(w *world, brought catalog.Deployment){
		"whole": func(*world, catalog.Deployment) {},
		"recorded by a version that did not tell what is routed": func(w *world, d catalog.Deployment) {
			for n := range d.Containers {
				d.Containers[n].Routed = false
			}
		},
		"superseded": func(w *world, d catalog.Deployment) {
			d.State = catalog.Superseded
			w.deployments[d.ID] = d
		},
		"pruned": func(w *world, d catalog.Deployment) { delete(w.deployments, d.ID) },
	} {
		w := twoReleases(t)
		forget(w, w.deployments[w.idOf("r1")])
		var asked atomic.Int64
		w.on = func(op, _ string) error {
			if slices.Contains([]string{"ping", "list", "start"}, op) {
				asked.Add(1)
			}
			return nil
		}
		done, err := w.deployer().RollbackTo(t.Context(), to(""))
		require.NoError(t, err, name)
		require.Equal(t, "blue-production", w.alias("production"), name)
		require.Zero(t, asked.Load(), name)
		require.Empty(t, done.Notes, name)
	}
}

// A standby of an unknown size is no reason to ask either, though some of it is
// stopped.
func TestRollbackToAPartOfAnUnknownWholeAsksNoHost(t *testing.T) {
	t.Parallel()
	w := halfStopped(t)
	delete(w.deployments, w.idOf("r1"))
	w.deaf["a"], w.deaf["b"] = true, true
	done, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Empty(t, done.Notes)
}

// hurried goes back within what users can be kept waiting for, and answers what is
// noted.
func (w *world) hurried(t *testing.T, within time.Duration, connect func(string) (hosts.Host, error)) []string {
	t.Helper()
	began := time.Now()
	done, err := deployer.New(deployer.Options{
		Store: w, Fleet: w, Poll: time.Millisecond, Insist: time.Millisecond, Connect: connect,
	}).Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Less(t, time.Since(began), within)
	require.Equal(t, "blue-production", w.alias("production"))
	return done.Notes
}

// brokenAs is a world one of whose standby's instances is stopped and won't do.
func brokenAs(t *testing.T, image string) *world {
	t.Helper()
	w := twoReleases(t)
	w.stop(t, "b", "web-production-blue-web-2")
	for _, c := range w.containers["b"] {
		if c.Name == "web-production-blue-web-2" {
			c.Image = image
		}
	}
	return w
}

func TestRollbackToAMostlyWholeStandbyDoesNotWaitForTheRest(t *testing.T) {
	t.Parallel()
	const most = "1 of 4 instances of blue-production are missing (passing: 2 on a, 1 on b): "
	t.Run("that never passes", func(t *testing.T) {
		t.Parallel()
		w := brokenAs(t, "sick")
		require.Equal(t, []string{most + "what was started again does not pass after 10s"}, w.hurried(t, 20*time.Second, w.connect))
	})
	t.Run("that ends again", func(t *testing.T) {
		t.Parallel()
		w := brokenAs(t, "crash")
		require.Equal(t, []string{most + "host b: 1 ended again after the start"}, w.hurried(t, 8*time.Second, w.connect))
	})
	t.Run("on a host that hangs", func(t *testing.T) {
		t.Parallel()
		w := halfStopped(t)
		notes := w.hurried(t, 9*time.Second, func(endpoint string) (hosts.Host, error) {
			if endpoint == "b" {
				return hanging{engine{w, endpoint}}, nil
			}
			return w.connect(endpoint)
		})
		require.Len(t, notes, 1)
		require.Contains(t, notes[0], "2 of 4 instances of blue-production are missing (passing: 2 on a): host b: ")
		require.Subset(t, w.names("a"), running("blue", "r1"), "what the other could start was started")
	})
	t.Run("whose start hangs", func(t *testing.T) {
		t.Parallel()
		w := halfStopped(t)
		w.on = func(op, arg string) error {
			if op == "start" && strings.HasPrefix(arg, "b-") {
				<-t.Context().Done()
			}
			return nil
		}
		require.Equal(t, []string{"2 of 4 instances of blue-production are missing (passing: 2 on a): host b: not done after 10s"}, w.hurried(t, 20*time.Second, w.connect))
	})
}

// listless is a store whose deployments can't be read.
type listless struct {
	*world
	asked, before atomic.Int64 // listings, and those before the flip
	err           error
	flipped       atomic.Int64 // when, in ns
}

func (l *listless) Deployments(ctx context.Context, service, environment string) ([]catalog.Deployment, error) {
	l.asked.Add(1)
	if l.err != nil {
		return nil, l.err
	}
	return l.world.Deployments(ctx, service, environment)
}

func (l *listless) FlipTogether(ctx context.Context, flips []catalog.Flip) (uint64, error) {
	l.before.Store(l.asked.Load())
	l.flipped.Store(time.Now().UnixNano())
	return l.world.FlipTogether(ctx, flips)
}

// Going back needs nothing but the alias.
func TestRollbackReadsTheDeploymentsOnceBeforeItFlips(t *testing.T) {
	t.Parallel()
	l := &listless{world: twoReleases(t)}
	_, err := insisting(l, l.world).RollbackTo(t.Context(), to(""))
	require.NoError(t, err)
	require.EqualValues(t, 1, l.before.Load())

	l = &listless{world: twoReleases(t), err: errKilled}
	began := time.Now()
	_, err = insisting(l, l.world).RollbackTo(t.Context(), to(""))
	require.NoError(t, err)
	require.Less(t, time.Unix(0, l.flipped.Load()).Sub(began), 4*time.Second, "and is not held up where they can't be read")
}

func TestRollbackToWhatPassesWhereNoHostCanBeAsked(t *testing.T) {
	t.Parallel()
	w := halfStopped(t)
	w.deaf["a"], w.deaf["b"] = true, true
	done, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, []string{"3 of 4 instances of blue-production are missing (passing: 1 on a): host a: connection refused; host b: connection refused"}, done.Notes)

	w = halfStopped(t)
	began := time.Now()
	d := deployer.New(deployer.Options{
		Store: w, Fleet: w, Poll: time.Millisecond, Insist: time.Millisecond,
		Connect: func(endpoint string) (hosts.Host, error) { return hanging{engine{w, endpoint}}, nil },
	})
	_, err = d.Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Less(t, time.Since(began), 30*time.Second)
}

// hanging is a host whose engine takes what it is told and answers nothing.
type hanging struct{ engine }

func (h hanging) List(ctx context.Context, _ map[string]string) ([]catalog.Container, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// What runs and does not pass was not stopped, and is not waited for.
func TestRollbackDoesNotWaitForAStandbyThatIsSick(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	for _, c := range w.containers["b"] {
		if c.Name == "web-production-blue-web-2" {
			c.Image = "sick"
		}
	}
	done, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, []string{"1 of 4 instances of blue-production are missing (passing: 2 on a, 1 on b)"}, done.Notes)

	w.backTo(t, "r2")
	w.stop(t, "a", "web-production-blue-web-1")
	_, err = w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err, "while another one was stopped")
	require.Subset(t, w.names("a"), running("blue", "r1"))
}

// A deployer may be stopping the standby just then. It starts it again once it finds
// that somebody has gone back to it.
func TestRollbackDoesNotWaitForAStandbyThatIsBeingStopped(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.stop(t, "a", "web-production-blue-web-1")
	w.deaf["b"] = true // or it would be started again there
	w.on = func(op, _ string) error {
		if op == "start" {
			w.stopAll("b", blue)
		}
		return nil
	}
	done, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, []string{"2 of 4 instances of blue-production are missing (passing: 2 on a): host b: connection refused; somebody is stopping it"}, done.Notes)
}

func TestDryRunOfARollbackToAHalfStoppedStandby(t *testing.T) {
	t.Parallel()
	w := halfStopped(t)
	f, err := w.dry(t).Rollback(t.Context(), "web", "production", false)
	told(t, f, err, "blue-production", "r1")
	require.Equal(t, []string{"3 of 4 instances of blue-production are missing (passing: 1 on a): 3 would be started again and checked first"}, f.Notes)
}
