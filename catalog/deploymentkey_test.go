package catalog

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDeploymentKeys(t *testing.T) {
	keys := NewKeys("x")
	require.Equal(t, "x/deployments/", keys.AllDeployments())
	require.Equal(t, "x/deployments/web/", keys.DeploymentsOf("web"))
	service, env, id, ok := keys.CutDeployment(keys.Deployment("web", "production", "d1"))
	require.True(t, ok)
	require.Equal(t, []string{"web", "production", "d1"}, []string{service, env, id})
	for _, key := range []string{"x/deployments/web/production/", "x/deployments/web/d1", "x/deployments/web/production/d1/more", "teal/deployments/web/production/d1"} {
		_, _, _, ok := keys.CutDeployment(key)
		require.False(t, ok, key)
	}
}

func TestADeploymentsIDTellsItsTime(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)
	at, ok := DeploymentTime(NewDeploymentID(now))
	require.True(t, ok)
	require.Equal(t, now, at)
	for _, id := range []string{"d1", "", "20260304t050607.089z1-aaaaaa"} {
		_, ok := DeploymentTime(id)
		require.False(t, ok, id)
	}
}
