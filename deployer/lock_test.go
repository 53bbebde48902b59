package deployer_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/hosts"
)

func TestLockThatNobodyHolds(t *testing.T) {
	d := newWorld().deployer()
	lock, err := d.LockStatus(t.Context(), "web", "production")
	require.NoError(t, err)
	require.False(t, lock.Held)
	lock, err = d.ReleaseLock(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.False(t, lock.Held)
}

func TestLockOfALivingHolderTakesForce(t *testing.T) {
	w := newWorld()
	var once sync.Once
	var lock deployer.Lock
	var status, before, after error
	w.on = func(op, _ string) error {
		if op == "pull" { // on two hosts at once
			once.Do(func() {
				lock, status = w.deployer().LockStatus(t.Context(), "web", "production")
				_, before = w.deployer().ReleaseLock(t.Context(), "web", "production", false)
				_, after = w.deployer().ReleaseLock(t.Context(), "web", "production", true)
			})
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), request("good", "r1"))
	require.ErrorIs(t, err, catalog.ErrLockLost, "the deployment notices")
	require.NoError(t, status)
	require.True(t, lock.Held && lock.Alive)
	require.Equal(t, catalog.Pulling, lock.State)
	require.Equal(t, w.last(t).ID, lock.Deployment)
	require.ErrorIs(t, before, catalog.ErrLocked)
	require.ErrorContains(t, before, "ops@here, whose session lives: should that run be dead, the lock goes by itself within 20s")
	require.NoError(t, after)
	w.on = nil
	require.Equal(t, catalog.Succeeded, w.deploy(t, "r2").State, "the next one settles it")
}

func TestLockOfADeadHolderIsReleased(t *testing.T) {
	w := newWorld()
	w.holder, w.orphaned, w.lost = "1", true, make(chan struct{})
	lock, err := w.deployer().ReleaseLock(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.True(t, lock.Held)
	require.False(t, lock.Alive)
	require.Empty(t, w.holder)
}

func TestLockOfWhatHasNoName(t *testing.T) {
	for _, args := range [][2]string{{"a/b", "production"}, {"web", "blue-moon"}, {"web", ""}} {
		_, err := newWorld().deployer().LockStatus(t.Context(), args[0], args[1])
		require.Error(t, err, "%v", args)
	}
}

// lossy is a world whose deployer may lose its lock while it concludes.
type lossy struct {
	*world
	losing   string // the operation after which it is lost
	lose     sync.Once
	cleaning atomic.Pointer[context.Context] // that of the last look at the service
}

// after loses the lock, and goes on when the operation has heard of it.
func (l *lossy) after(ctx context.Context, op string) (lost bool) {
	if op != l.losing || !l.in(catalog.Draining) || l.cleaning.Load() == nil {
		return false
	}
	l.lose.Do(func() {
		lost = true
		l.breakLock()
		heard(ctx)
	})
	return lost
}

// heard waits until ctx has ended.
func heard(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(30 * time.Second):
	}
}

func (l *lossy) Service(ctx context.Context, name string) (*catalog.Service, error) {
	if l.in(catalog.Draining) {
		l.cleaning.Store(&ctx)
	}
	return l.world.Service(ctx, name)
}

func (l *lossy) PutDeployment(ctx context.Context, d catalog.Deployment, session string) error {
	if l.after(ctx, "deployment") {
		return errKilled
	}
	return l.world.PutDeployment(ctx, d, session)
}

// deployer is one that goes through what may lose its lock.
func (l *lossy) deployer() *deployer.Deployer {
	return deployer.New(deployer.Options{
		Store: l, Fleet: l.world, By: "test@here", Poll: time.Millisecond, Acknowledge: 2 * time.Second, Routed: 2 * time.Second, Insist: time.Millisecond,
		Connect: func(endpoint string) (hosts.Host, error) { return lossyEngine{engine{l.world, endpoint}, l}, nil },
	})
}

type lossyEngine struct {
	engine
	of *lossy
}

func (e lossyEngine) List(ctx context.Context, labels map[string]string) ([]catalog.Container, error) {
	cs, err := e.engine.List(ctx, labels)
	e.of.after(ctx, "list")
	return cs, err
}

// Stop is told to an engine by a context that outlives the lock.
func (e lossyEngine) Stop(ctx context.Context, id string, grace time.Duration) error {
	if cleaning := e.of.cleaning.Load(); cleaning != nil && e.of.losing == "stop" {
		if err := e.of.world.on("resting", id); err != nil {
			return err
		}
		e.of.after(*cleaning, "stop")
	}
	return e.engine.Stop(ctx, id, grace)
}

// The lock may be lost while Consul does not answer, just before the standby would
// be stopped. Somebody else may be staging there by then.
func TestAStandbyIsLeftAloneOnceTheLockIsLost(t *testing.T) {
	t.Parallel()
	for _, on := range []string{"deployment", "list"} {
		w := twoReleases(t)
		l := &lossy{world: w, losing: on}
		_, err := l.deployer().Deploy(t.Context(), patient("r3", time.Second))
		require.Subset(t, w.names("a"), running("green", "r2"), on)
		require.ErrorIs(t, err, catalog.ErrLockLost, on)
		require.Equal(t, catalog.Succeeded, w.deploy(t, "r4").State, "the next one settles it")
	}
}

// Somebody may go back to the standby while it is being stopped, and take the lock
// away too: what everybody is sent to runs all the same.
func TestAStandbyThatIsLiveAgainIsStartedThoughTheLockIsLost(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	l := &lossy{world: w, losing: "stop"}
	var once sync.Once
	w.on = func(op, _ string) (err error) {
		if op == "resting" {
			once.Do(func() { _, err = w.deployer().Rollback(t.Context(), "web", "production", false) })
		}
		return err
	}
	_, err := l.deployer().Deploy(t.Context(), patient("r3", time.Second))
	require.ErrorIs(t, err, catalog.ErrLockLost)
	require.Equal(t, "green-production", w.alias("production"))
	for _, host := range []string{"a", "b"} {
		require.Subset(t, w.names(host), running("green", "r2"), host)
	}
}

// That a record can't be written for a while is no reason to leave the standby as
// it is while the lock is held, but it is told.
func TestARecordThatCannotBeKeptIsNoted(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	var concluding, failed atomic.Bool
	w.on = func(op, _ string) error {
		if op == "target" && w.in(catalog.Draining) {
			concluding.Store(true)
		}
		if op != "deployment" || !concluding.Load() || failed.Swap(true) {
			return nil
		}
		time.Sleep(2 * time.Millisecond) // longer than is insisted
		return errKilled
	}
	d, err := w.deployer().Deploy(t.Context(), patient("r3", time.Second))
	require.NoError(t, err)
	require.True(t, failed.Load())
	require.Contains(t, d.Timeline[len(d.Timeline)-1].Note, "record how far the deployment is: killed")
	require.Equal(t, "(web-production-green-web-1=r2)", w.names("a")[1])
}
