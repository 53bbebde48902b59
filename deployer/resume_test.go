package deployer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestResumeOfADeadDeployment(t *testing.T) {
	for state, want := range map[catalog.DeploymentState]catalog.DeploymentState{
		catalog.Checking: catalog.Failed,
		catalog.Draining: catalog.Succeeded,
		catalog.Baking:   catalog.Succeeded,
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			w := twoReleases(t)
			w.failing(blue, 0)
			req := baked(20 * time.Millisecond)
			w.dead(t, req, state)
			d, err := w.deployer().Resume(t.Context(), req)
			require.Equal(t, want, d.State)
			require.Equal(t, want, w.last(t).State)
			if want == catalog.Succeeded {
				require.NoError(t, err)
				require.Equal(t, "blue-production", w.alias("production"))
				require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"))
				return
			}
			require.True(t, failure(t, err).BeforeFlip)
			assertLiveUntouched(t, w)
		})
	}
}

func TestResumeOfADeadBakeLooksAtTheRelease(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	req := baked(time.Minute)
	w.dead(t, req, catalog.Baking)
	w.onceIn(catalog.Baking, "target", func() { w.failing(blue, 30) })
	_, err := w.deployer().Resume(t.Context(), req)
	require.Equal(t, catalog.RolledBack, failure(t, err).Outcome)
	assertLiveUntouched(t, w)
}

func TestResumeOfADeadBakeAfterSomebodyWentBack(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	req := baked(time.Minute)
	w.dead(t, req, catalog.Baking)
	_, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	_, err = w.deployer().Resume(t.Context(), req)
	require.Equal(t, catalog.RolledBack, failure(t, err).Outcome)
	assertLiveUntouched(t, w)
}

func TestResumeOfADeadCanary(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	req := canaried(50 * time.Millisecond)
	w.watchAlias("blue-production=5,green-production=95", w.breakLock)
	_, err := w.deployer().Deploy(t.Context(), req)
	require.ErrorIs(t, err, catalog.ErrLockLost)
	w.on = nil
	d, err := w.deployer().Resume(t.Context(), req)
	f := failure(t, err)
	require.Equal(t, catalog.RolledBack, f.Outcome)
	require.False(t, f.BeforeFlip)
	require.Equal(t, catalog.RolledBack, d.State)
	assertLiveUntouched(t, w)
}
