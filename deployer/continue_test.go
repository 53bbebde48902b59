package deployer_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// pinned is approved with images that are known beforehand.
func pinned(within time.Duration, then catalog.Verdict) deployer.Request {
	req := approved(within, then)
	req.Images = map[string]string{"web": "good@sha256:0001", "db": "db@sha256:0002"}
	return req
}

// waits continues and expects that a deployment awaits somebody's word. It answers
// its id.
func (w *world) waits(t *testing.T, req deployer.Request) string {
	t.Helper()
	_, err := w.deployer().Continue(t.Context(), req)
	var awaiting *deployer.Awaiting
	require.ErrorAs(t, err, &awaiting)
	return awaiting.Deployment
}

// overdue ends the time for the approval of all that awaits it.
func (w *world) overdue() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.deployments {
		if d.Approval != nil {
			d.Approval.Until = time.Now().Add(-time.Minute)
		}
	}
}

func (w *world) approve(t *testing.T) {
	t.Helper()
	_, err := w.deployer().Approve(t.Context(), "web", "production", "")
	require.NoError(t, err)
}

func TestContinueGoesOnWithTheSameDeployment(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := pinned(time.Hour, catalog.Abort)
	first := w.waits(t, req)
	created := w.created
	require.Equal(t, first, w.waits(t, req), "nobody has spoken yet")
	w.approve(t)
	d, err := w.deployer().Continue(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, first, d.ID)
	require.Equal(t, catalog.Succeeded, d.State)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, created, w.created, "what was approved is live, and nothing else")
	require.NotEqual(t, first, w.waits(t, req), "that one has ended")
}

func TestContinueDeploysWhatIsNotTheSame(t *testing.T) {
	t.Parallel()
	built := func(req *deployer.Request) { req.Spec.Parts[1].Build = &servicefile.Build{Context: "."} }
	for name, c := range map[string]struct {
		before, change func(*deployer.Request)
		meanwhile      func(*world)
	}{
		"release":         {change: func(req *deployer.Request) { req.Release = "r4" }},
		"service file":    {change: func(req *deployer.Request) { req.Spec.Description = "another shop" }},
		"image":           {change: func(req *deployer.Request) { req.Images["web"] = "good@sha256:0003" }},
		"unknown image":   {before: built, change: func(req *deployer.Request) { delete(req.Images, "web") }},
		"time is over":    {meanwhile: (*world).overdue},
		"alias was moved": {meanwhile: func(w *world) { w.setAlias("production", "blue-production") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := twoReleases(t)
			req := pinned(time.Hour, catalog.Abort)
			if c.before != nil {
				c.before(&req)
			}
			first := w.waits(t, req)
			if c.meanwhile != nil {
				c.meanwhile(w)
			}
			req.Images = maps.Clone(req.Images)
			if c.change != nil {
				c.change(&req)
			}
			require.NotEqual(t, first, w.waits(t, req))
			require.Equal(t, catalog.Superseded, w.deployments[first].State)
		})
	}
}

func TestContinueWithAnImageThatIsNotBuiltHere(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := pinned(time.Hour, catalog.Abort)
	delete(req.Images, "db")
	first := w.waits(t, req)
	require.Equal(t, first, w.waits(t, req))
}

func TestContinueWhereSilenceIsApproval(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := pinned(time.Hour, catalog.Approve)
	w.waits(t, req)
	w.overdue()
	d, err := w.deployer().Continue(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, "r3", w.release(t, "blue-production").ID)
	require.Equal(t, catalog.Succeeded, d.State)
}

func TestAnApprovedDeploymentDoesNotGiveWayInSilence(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.awaiting(t, pinned(time.Hour, catalog.Abort))
	first := w.last(t).ID
	w.approve(t)
	var notes []string
	d := deployer.New(deployer.Options{
		Store: w, Connect: w.connect, Fleet: w, By: "test@here", Poll: time.Millisecond, Acknowledge: 50 * time.Millisecond, Insist: time.Millisecond,
		Progress: func(e deployer.Event) {
			if e.Kind == deployer.Note {
				notes = append(notes, e.Text)
			}
		},
	})
	_, err := d.Deploy(t.Context(), request("good", "r4"))
	require.NoError(t, err)
	require.Equal(t, catalog.Superseded, w.deployments[first].State)
	require.Contains(t, w.deployments[first].Reason, "although test@here had approved release r3")
	require.Contains(t, notes, "deployment "+first+": "+w.deployments[first].Reason+"; it is now superseded")
}
