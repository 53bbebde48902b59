package deployer_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
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

// The lock may be lost while Consul does not answer, just before the standby would
// be stopped. Somebody else may be staging there by then.
func TestAStandbyIsLeftAloneOnceTheLockIsLost(t *testing.T) {
	t.Parallel()
	for on, answer := range map[string]error{"deployment": errKilled, "list": nil} {
		w := twoReleases(t)
		var concluding, broken atomic.Bool
		w.on = func(op, _ string) error {
			if op == "target" && w.in(catalog.Draining) {
				concluding.Store(true)
			}
			if op != on || !concluding.Load() || broken.Swap(true) {
				return nil
			}
			w.breakLock()
			time.Sleep(50 * time.Millisecond) // until it is heard of
			return answer
		}
		_, err := w.deployer().Deploy(t.Context(), patient("r3", time.Second))
		require.True(t, broken.Load(), on)
		require.Subset(t, w.names("a"), running("green", "r2"), on)
		require.ErrorIs(t, err, catalog.ErrLockLost, on)
		w.on = nil
		require.Equal(t, catalog.Succeeded, w.deploy(t, "r4").State, "the next one settles it")
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
