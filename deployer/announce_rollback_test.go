package deployer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// hearing is a deployer in whose environment a variable leads to an audience, and
// a request whose file names it.
func (w *world) hearing(a *audience, release string) (*deployer.Deployer, deployer.Request) {
	d := deployer.New(deployer.Options{
		Store: w, Connect: w.connect, Fleet: w, By: "test@here", Environ: []string{"HOOK=" + a.URL + "/s3cret"},
		Poll: time.Millisecond, Acknowledge: 2 * time.Second, Routed: 2 * time.Second, Insist: time.Millisecond,
	})
	req := request("good", release)
	req.Spec.Notify = []servicefile.Notify{
		{Kind: servicefile.NotifyWebhook, Variable: "HOOK", When: servicefile.NotifyChange},
		{Kind: servicefile.NotifyWebhook, Variable: "NONE", When: servicefile.NotifyFailure},
		{Kind: servicefile.NotifyWebhook, URL: a.URL + "/s3cret", When: servicefile.NotifyFailure},
	}
	return d, req
}

func TestARollbackToTheStandbyIsTold(t *testing.T) {
	t.Parallel()
	w, a := twoReleases(t), newAudience(t)
	d, req := w.hearing(a, "r3")
	_, err := d.Deploy(t.Context(), req)
	require.NoError(t, err)
	record := w.last(t)
	require.Equal(t, []catalog.Notify{{Kind: "webhook", Variable: "HOOK", When: "change"}, {Kind: "webhook", Variable: "NONE", When: "failure"}}, record.Notify)
	require.NotContains(t, string(record.Encode()), "s3cret")
	require.Empty(t, a.events())

	done, err := d.Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, []string{"rolled-back r3"}, a.events())
	require.Empty(t, done.Notes, "where a variable is not set nobody wants to be told")
	require.Equal(t, catalog.Succeeded, w.last(t).State, "its record stays as it is")

	_, err = d.Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Empty(t, a.events(), "the file of r2 names nobody")
	a.Close()
	done, err = d.Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err, "nobody has to hear it")
	require.Equal(t, []string{"the webhook address in the variable HOOK was not told how the deployment stands: its host refused the connection"}, done.Notes)
}

func TestARollbackToAKeptReleaseIsTold(t *testing.T) {
	t.Parallel()
	w, a := newWorld(), newAudience(t)
	var d *deployer.Deployer
	for _, release := range []string{"r1", "r2", "r3"} {
		var req deployer.Request
		d, req = w.hearing(a, release)
		_, err := d.Deploy(t.Context(), req)
		require.NoError(t, err)
	}
	_, err := d.RollbackTo(t.Context(), to("r1"))
	require.NoError(t, err)
	require.Equal(t, []string{"rolled-back r3"}, a.events())
	_, err = d.Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, []string{"rolled-back r1"}, a.events(), "the record of a rollback names those of its release")
}

func TestATriedRollbackTellsNobody(t *testing.T) {
	t.Parallel()
	w, a := twoReleases(t), newAudience(t)
	d, req := w.hearing(a, "r3")
	_, err := d.Deploy(t.Context(), req)
	require.NoError(t, err)
	try := deployer.New(deployer.Options{Store: w, Connect: w.connect, DryRun: true, Environ: []string{"HOOK=" + a.URL}})
	_, err = try.RollbackTo(t.Context(), deployer.RollbackRequest{Service: "web", Environment: "production"})
	require.NoError(t, err)
	require.Empty(t, a.events())
}

func TestARollbackWhileTheReleaseIsWatchedIsToldOnce(t *testing.T) {
	t.Parallel()
	w, a := twoReleases(t), newAudience(t)
	w.failing(blue, 0)
	d, req := w.hearing(a, "r3")
	req.Spec.Bake = baked(time.Minute).Spec.Bake
	req.Spec.Notify = req.Spec.Notify[:1]
	w.whileBaking(func() {
		_, err := d.Rollback(t.Context(), "web", "production", false)
		require.NoError(t, err)
	})
	_, err := d.Deploy(t.Context(), req)
	require.Equal(t, catalog.RolledBack, failure(t, err).Outcome)
	require.Equal(t, []string{"rolled-back r3"}, a.events())
}
