package deployer_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// errKilled stands for the end of a deployer, or of Consul.
var errKilled = errors.New("killed")

func TestAbortOfWhatNobodyRuns(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.awaiting(t, approved(time.Hour, catalog.Approve))
	d, ended, err := w.deployer().Abort(t.Context(), "web", "production", "wrong branch")
	require.NoError(t, err)
	require.True(t, ended)
	require.Equal(t, "r3", d.Release)
	require.Equal(t, catalog.Aborted, w.last(t).State)
	require.Contains(t, w.last(t).Reason, "by test@here: wrong branch")
	assertLiveUntouched(t, w)

	_, _, err = w.deployer().Abort(t.Context(), "web", "production", "")
	require.ErrorContains(t, err, "no deployment of web to production is under way")
}

func TestAbortOfADeploymentThatRuns(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := request("sick", "r3")
	req.Spec.Timeout = time.Minute
	w.onceIn(catalog.Checking, "service", func() {
		_, ended, err := w.deployer().Abort(t.Context(), "web", "production", "")
		require.NoError(t, err)
		require.False(t, ended)
	})
	_, err := w.deployer().Deploy(t.Context(), req)
	f := failure(t, err)
	require.Equal(t, catalog.Aborted, f.Outcome)
	require.Contains(t, f.Reason, "aborted by test@here")
	assertLiveUntouched(t, w)
}

// dead leaves a deployment whose deployer died when it had entered a state.
func (w *world) dead(t *testing.T, req deployer.Request, state catalog.DeploymentState) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var died atomic.Bool
	w.on = func(op, _ string) error {
		if died.Load() || op != "decision" && w.in(state) {
			died.Store(true)
			stop()
			return errKilled
		}
		return nil
	}
	_, err := w.deployer().Deploy(ctx, req)
	require.Error(t, err)
	w.bury()
	require.Equal(t, state, w.last(t).State)
}

func TestAbortOfADeadBakeGivesTheUsersBack(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	w.dead(t, baked(time.Minute), catalog.Baking)
	require.Equal(t, "blue-production", w.alias("production"))
	_, ended, err := w.deployer().Abort(t.Context(), "web", "production", "it is slow")
	require.NoError(t, err)
	require.True(t, ended)
	require.Equal(t, catalog.RolledBack, w.last(t).State)
	assertLiveUntouched(t, w)
}

func TestAbortOfADeadBakeAfterWhatCannotBeTakenBack(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	req := baked(time.Minute)
	req.Spec.Tasks = []servicefile.Task{{Name: "migrate", Command: []string{"migrate"}, Timeout: time.Second}}
	w.dead(t, req, catalog.Baking)
	_, _, err := w.deployer().Abort(t.Context(), "web", "production", "")
	require.ErrorContains(t, err, "what migrate did can't be taken back")
	require.Equal(t, "blue-production", w.alias("production"))
}
