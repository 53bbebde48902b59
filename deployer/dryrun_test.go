package deployer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

// dry is a deployer that only tells, in a world that takes nothing else.
func (w *world) dry(t *testing.T) *deployer.Deployer {
	t.Helper()
	w.on = func(op, arg string) error {
		switch op {
		case "lock", "unlock", "deployment", "release", "delete-release", "config", "flip", "decide",
			"create", "start", "stop", "pull", "remove", "rename", "network", "remove-network", "remove-image":
			return errors.New("a dry run did " + op + " " + arg)
		}
		return nil
	}
	t.Cleanup(func() { w.on = nil })
	return deployer.New(deployer.Options{
		Store: w, Connect: w.connect, Fleet: w, By: "test@here", DryRun: true,
		Poll: time.Millisecond, Routed: 100 * time.Millisecond, Insist: time.Millisecond,
	})
}

// told holds what a dry run says of a flip.
func told(t *testing.T, f deployer.Flipped, err error, to, release string) {
	t.Helper()
	require.NoError(t, err)
	require.True(t, f.DryRun)
	require.Equal(t, to, f.To.String())
	require.Equal(t, release, f.Release)
	require.Zero(t, f.Index)
	require.Equal(t, "green-production", f.From.String())
}

func TestDryRunOfAFlip(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	d := w.dry(t)
	f, err := d.Flip(t.Context(), "web", "production", catalog.PointTo(blue))
	told(t, f, err, "blue-production", "r1")
	f, err = d.Share(t.Context(), "web", "production", 25)
	told(t, f, err, "blue-production=25,green-production=75", "")
	f, err = d.Flip(t.Context(), "web", "production", catalog.PointTo(green))
	require.NoError(t, err)
	require.True(t, f.DryRun)
	require.Equal(t, []string{"production points at green-production already"}, f.Notes)
	twice := deployer.Wish{Service: "web", Alias: "production", To: catalog.PointTo(blue)}
	_, err = d.FlipTogether(t.Context(), []deployer.Wish{twice, twice})
	require.ErrorContains(t, err, "alias production of web is named twice")
	w.stopAll("a", blue)
	w.stopAll("b", blue)
	_, err = d.Flip(t.Context(), "web", "production", catalog.PointTo(blue))
	require.ErrorIs(t, err, catalog.ErrUnhealthy, "it looks as the flip itself does")
	require.Equal(t, "green-production", w.alias("production"))
}

func TestDryRunOfARollback(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	d := w.dry(t)
	f, err := d.Rollback(t.Context(), "web", "production", false)
	told(t, f, err, "blue-production", "r1")
	require.Empty(t, f.Notes)

	w.stopAll("a", blue)
	w.stopAll("b", blue)
	w.deaf["b"] = true
	f, err = d.Rollback(t.Context(), "web", "production", false)
	told(t, f, err, "blue-production", "r1")
	require.Equal(t, []string{"no instance of blue-production passes; 2 would be started on a and checked first"}, f.Notes)
	require.Equal(t, "green-production", w.alias("production"))

	w.deaf["a"] = true
	_, err = d.Rollback(t.Context(), "web", "production", false)
	require.Contains(t, failure(t, err).Reason, "none of its hosts answers", "as the act would")
}

func TestDryRunOfARollbackToAKeptRelease(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.many(t, "r1", "r2", "r3", "r4")
	d := w.dry(t)
	f, err := d.RollbackTo(t.Context(), to("r2"))
	told(t, f, err, "blue-production", "r2")
	require.Equal(t, []string{"what blue-production holds would make way for it on a, b"}, f.Notes)
	_, err = d.RollbackTo(t.Context(), to("r9"))
	require.Equal(t, catalog.RollbackFailed, failure(t, err).Outcome)
	require.ErrorContains(t, err, "r9")
	f, err = d.RollbackTo(t.Context(), to("r4"))
	require.NoError(t, err)
	require.True(t, f.DryRun, "even where nothing is to be done")
	w.holder = "somebody"
	_, err = d.RollbackTo(t.Context(), to("r2"))
	require.ErrorIs(t, err, catalog.ErrLocked)
}

func TestDryRunOfAWordOnADeployment(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.awaiting(t, approved(time.Hour, catalog.Abort))
	d := w.dry(t)
	record, err := d.Approve(t.Context(), "web", "production", "")
	require.NoError(t, err)
	require.Equal(t, "r3", record.Release)
	record, ended, err := d.Abort(t.Context(), "web", "production", "")
	require.NoError(t, err)
	require.True(t, ended, "nobody runs it")
	require.Equal(t, "r3", record.Release)
	require.Equal(t, catalog.AwaitingApproval, w.last(t).State)
	require.Empty(t, w.decisions)
	w.decisions[record.ID] = catalog.Decision{Verdict: catalog.Abort, By: "ann@ci"}
	_, err = d.Approve(t.Context(), "web", "production", "")
	require.ErrorContains(t, err, "ann@ci", "who has said no")
}

func TestDryRunOfTheReleaseOfALock(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.holder, w.orphaned, w.lost = "1", true, make(chan struct{})
	lock, err := w.dry(t).ReleaseLock(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.True(t, lock.Held)
	require.NotEmpty(t, w.holder)
}
