package deployer_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// approved is a request to bring up r3 that needs somebody's word.
func approved(within time.Duration, then catalog.Verdict) deployer.Request {
	req := request("good", "r3")
	env := req.Spec.Environments["production"]
	env.Approval = &servicefile.ApprovalRule{Within: within, Then: then}
	req.Spec.Environments["production"] = env
	return req
}

// awaiting deploys what stops to be approved.
func (w *world) awaiting(t *testing.T, req deployer.Request) {
	t.Helper()
	_, err := w.deployer().Deploy(t.Context(), req)
	var awaiting *deployer.Awaiting
	require.ErrorAs(t, err, &awaiting)
	require.Equal(t, w.last(t).ID, awaiting.Deployment)
}

func TestApproval(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := approved(time.Hour, catalog.Abort)
	w.awaiting(t, req)
	require.Empty(t, w.holder, "nobody need run")
	require.Equal(t, catalog.AwaitingApproval, w.last(t).State)
	require.Equal(t, catalog.Abort, w.last(t).Approval.Then)
	require.Equal(t, "green-production", w.alias("production"))
	require.Subset(t, w.names("a"), running("blue", "r3"), "its containers stay")

	_, err := w.deployer().Resume(t.Context(), req)
	var awaiting *deployer.Awaiting
	require.ErrorAs(t, err, &awaiting)

	said, err := w.deployer().Approve(t.Context(), "web", "production", "looks well")
	require.NoError(t, err)
	require.Equal(t, "r3", said.Release)
	d, err := w.deployer().Resume(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, catalog.Succeeded, d.State)
	require.Equal(t, "test@here", d.Approval.By)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"))

	_, err = w.deployer().Resume(t.Context(), req)
	require.ErrorIs(t, err, deployer.ErrNothingToResume)
	_, err = w.deployer().Approve(t.Context(), "web", "production", "")
	require.ErrorContains(t, err, "no deployment")
}

// onceAsked does something when a deployment awaits approval and asks for it.
func (w *world) onceAsked(then func()) {
	var done atomic.Bool
	asked := func() {
		if w.in(catalog.AwaitingApproval) && done.CompareAndSwap(false, true) {
			then()
		}
	}
	w.asked.Store(&asked)
}

func TestApprovalThatIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := approved(time.Hour, catalog.Abort)
	req.WaitApproval = true
	w.onceAsked(func() {
		_, err := w.deployer().Approve(t.Context(), "web", "production", "")
		require.NoError(t, err)
	})
	d, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, catalog.Succeeded, d.State)

	req.Release = "r4"
	w.onceAsked(func() {
		_, ended, err := w.deployer().Abort(t.Context(), "web", "production", "no")
		require.NoError(t, err)
		require.False(t, ended, "its deployer does it")
	})
	_, err = w.deployer().Deploy(t.Context(), req)
	require.Equal(t, catalog.Aborted, failure(t, err).Outcome)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"))
}

func TestApprovalOfAnotherFileIsRefused(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := approved(time.Hour, catalog.Abort)
	w.awaiting(t, req)
	_, err := w.deployer().Approve(t.Context(), "web", "production", "")
	require.NoError(t, err)
	req.Spec.Description = "another shop"
	_, err = w.deployer().Resume(t.Context(), req)
	require.ErrorContains(t, err, "another service file")
	require.NotContains(t, err.Error(), "--release")
	req.Release = ""
	_, err = w.deployer().Resume(t.Context(), req)
	require.ErrorContains(t, err, "say --release r3 if it was deployed with that")
	require.Equal(t, catalog.AwaitingApproval, w.last(t).State)
	require.Empty(t, w.holder)
}

func TestNobodySpokeInTime(t *testing.T) {
	t.Parallel()
	for then, want := range map[catalog.Verdict]catalog.DeploymentState{catalog.Abort: catalog.Aborted, catalog.Approve: catalog.Succeeded} {
		for _, wait := range []bool{false, true} {
			w := twoReleases(t)
			req := approved(time.Hour, then)
			req.WaitApproval = wait
			var later atomic.Int64
			d := deployer.New(deployer.Options{
				Store: w, Connect: w.connect, Fleet: w, By: "test@here", Poll: time.Millisecond, GatePoll: time.Millisecond,
				Acknowledge: 2 * time.Second, Routed: 2 * time.Second,
				Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) },
			})
			pass := func() { later.Store(int64(2 * time.Hour)) }
			if !wait {
				w.awaiting(t, req)
				pass()
				_, err := d.Approve(t.Context(), "web", "production", "")
				require.ErrorContains(t, err, "could be approved until")
				_, _ = d.Resume(t.Context(), req)
			} else {
				w.onceAsked(pass)
				_, _ = d.Deploy(t.Context(), req)
			}
			require.Equal(t, want, w.last(t).State)
			if want == catalog.Aborted {
				require.Contains(t, w.last(t).Reason, "nobody spoke until")
				assertLiveUntouched(t, w)
			} else {
				require.Equal(t, "nobody", w.last(t).Approval.By)
				require.Equal(t, "blue-production", w.alias("production"))
			}
		}
	}
}

func TestLaterDeploymentTakesThePlaceOfOneThatWaits(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.awaiting(t, approved(time.Hour, catalog.Abort))
	first := w.last(t).ID
	w.deploy(t, "r4")
	require.Equal(t, catalog.Superseded, w.deployments[first].State)
	require.Contains(t, w.deployments[first].Reason, "a later deployment took its place")
	require.Equal(t, both(running("blue", "r4"), running("green", "r2")), w.names("a"))
}

func TestAliasMovedWhileApprovalIsAwaited(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := approved(time.Hour, catalog.Abort)
	w.awaiting(t, req)
	_, err := w.deployer().Approve(t.Context(), "web", "production", "")
	require.NoError(t, err)
	w.setAlias("production", "blue-production=1,green-production=1")
	_, err = w.deployer().Resume(t.Context(), req)
	require.Equal(t, catalog.Superseded, failure(t, err).Outcome)
	require.Equal(t, "blue-production=1,green-production=1", w.alias("production"))
	require.Subset(t, w.names("a"), both(running("blue", "r3"), running("green", "r2")))
}

func TestResumeThatCannotReadConsulEndsNothing(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := approved(time.Hour, catalog.Abort)
	w.awaiting(t, req)
	w.on = func(op, _ string) error {
		if op == "service" {
			return errKilled
		}
		return nil
	}
	_, err := w.deployer().Resume(t.Context(), req)
	require.ErrorIs(t, err, errKilled)
	require.Equal(t, catalog.AwaitingApproval, w.last(t).State)
	require.Subset(t, w.names("a"), running("blue", "r3"))
}
