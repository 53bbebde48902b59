package deployer_test

import (
	"sync"
	"testing"

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
