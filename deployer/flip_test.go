package deployer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestAFlipIsGuardedByWhatIsThereNow(t *testing.T) {
	t.Parallel()
	passing := []catalog.CheckStatus{{ID: "http", Status: "passing"}}
	guards := []catalog.Instance{
		{ID: "web-1", Node: "n1", Health: catalog.Passing, Checks: passing},
		{ID: "web-1", Node: "n2", Health: catalog.Passing, Checks: passing},
		{ID: "web-2", Node: "n2", Health: catalog.Passing, Checks: passing},
	}
	resting := guards[1]
	resting.Health = catalog.Critical
	resting.Checks = []catalog.CheckStatus{passing[0], {ID: "_service_maintenance:web-1", Status: "critical"}}
	now := &catalog.Service{Instances: []catalog.Instance{resting, guards[0], {ID: "web-3", Node: "n1"}}}

	require.Equal(t, []catalog.Instance{guards[0], resting, guards[2]}, asTheyAre(guards, now))
}
