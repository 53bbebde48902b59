package deployer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// plan is what a deployment of a release would change.
func (l *laptop) plan(t *testing.T, environment, image, release string) deployer.DeploymentPlan {
	t.Helper()
	spec, err := servicefile.Load(t.Context(), l.file, []string{"IMAGE=" + image, "RELEASE=" + release})
	require.NoError(t, err)
	plan, err := l.Deployer(l.log(t)).Plan(t.Context(), deployer.Request{Spec: spec, Environment: environment})
	require.NoError(t, err)
	return plan
}

// TestKeeping plans, looks back and prunes on Consul's own terms: real containers'
// labels, real records, real compare-and-set.
func TestKeeping(t *testing.T) {
	l := newLaptop(t)
	d := l.Deployer(l.log(t))
	require.True(t, l.plan(t, "production", "good", "r1").Changes)
	for _, release := range []string{"r1", "r2", "r3"} {
		_, err := l.deploy(t, t.Context(), "production", "good", release)
		require.NoError(t, err)
		plan := l.plan(t, "production", "good", release)
		require.False(t, plan.Changes, "%+v", plan)
		require.Empty(t, plan.Drift)
		require.True(t, l.plan(t, "production", "sick", release).Changes)
	}
	_, err := l.deploy(t, t.Context(), "integration", "good", "r3")
	require.NoError(t, err)
	require.False(t, l.plan(t, "integration", "good", "r3").Changes)

	past, err := d.History(t.Context(), "web", "production")
	require.NoError(t, err)
	require.Len(t, past, 3)
	require.Equal(t, []deployer.Holding{deployer.HoldsLive, deployer.HoldsStandby, ""}, []deployer.Holding{past[0].Holds, past[1].Holds, past[2].Holds})

	pruned, err := d.Prune(t.Context(), deployer.PruneRequest{Service: "web", Keep: 1})
	require.NoError(t, err)
	require.Empty(t, pruned.Left)
	require.Equal(t, []deployer.PrunedDeployment{{ID: past[2].ID, Environment: "production", Release: "r1", State: catalog.Succeeded}}, pruned.Deployments)
	lock, err := d.LockStatus(t.Context(), "web", "production")
	require.NoError(t, err)
	require.False(t, lock.Held)

	status, err := d.Status(t.Context(), "web")
	require.NoError(t, err)
	require.Empty(t, status.Drift)
	require.Empty(t, status.Unseen)
	_, err = d.Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.True(t, l.plan(t, "production", "good", "r3").Changes, "r2 is live again")
	require.False(t, l.plan(t, "production", "good", "r2").Changes)
}
