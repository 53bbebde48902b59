package deployer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

// wouldResume looks, and holds that looking leaves everything as it was.
func (w *world) wouldResume(t *testing.T, req deployer.Request) deployer.ResumeAct {
	t.Helper()
	before, names, alias := w.last(t), w.names("a"), w.alias("production")
	would, err := w.deployer().WouldResume(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, before.ID, would.Deployment)
	require.Equal(t, before.State, would.State)
	require.True(t, would.DryRun)
	require.Equal(t, before, w.last(t))
	require.Equal(t, names, w.names("a"))
	require.Equal(t, alias, w.alias("production"))
	require.Empty(t, w.holder)
	return would.Would
}

func TestWouldResumeWhatAwaitsApproval(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := approved(time.Hour, catalog.Abort)
	_, err := w.deployer().WouldResume(t.Context(), req)
	require.ErrorIs(t, err, deployer.ErrNothingToResume)

	w.awaiting(t, req)
	require.Equal(t, deployer.ResumeWaits, w.wouldResume(t, req))
	_, err = w.deployer().Approve(t.Context(), "web", "production", "")
	require.NoError(t, err)
	require.Equal(t, deployer.ResumeGoesLive, w.wouldResume(t, req))
	w.setAlias("production", "blue-production=1,green-production=1")
	require.Equal(t, deployer.ResumePutsBack, w.wouldResume(t, req))

	req.Spec.Description = "another shop"
	_, err = w.deployer().WouldResume(t.Context(), req)
	require.ErrorContains(t, err, "another service file")
}

func TestWouldResumeWhatADeadDeployerLeft(t *testing.T) {
	for state, want := range map[catalog.DeploymentState]deployer.ResumeAct{
		catalog.Checking: deployer.ResumePutsBack,
		catalog.Draining: deployer.ResumeFinishes,
		catalog.Baking:   deployer.ResumeFinishes,
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			w := twoReleases(t)
			w.failing(blue, 0)
			req := baked(20 * time.Millisecond)
			w.dead(t, req, state)
			require.Equal(t, want, w.wouldResume(t, req))
		})
	}
}
