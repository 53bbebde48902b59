package plan

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/servicefile"
)

func TestAContainerMovesToAnotherColour(t *testing.T) {
	blue := catalog.Target{Colour: catalog.Blue, Environment: "production"}
	green := catalog.Target{Colour: catalog.Green, Environment: "production"}
	plain := catalog.Target{Environment: "integration"}
	s := &servicefile.Spec{
		Service: "web", Routed: "web", Port: 80, Check: servicefile.Check{HTTP: "/health"},
		Parts: []servicefile.Part{{
			Name: "web", Image: "web:1", Env: map[string]string{"A": "web-production-blue-x"}, Labels: map[string]string{"mine": "blue"},
			Ports: []catalog.Port{{Private: 80, Protocol: "tcp"}},
			Volumes: []servicefile.PartVolume{
				{Volume: catalog.Volume{Source: "data", Target: "/data"}, Private: true},
				{Volume: catalog.Volume{Source: "everybodys", Target: "/all"}},
				{Volume: catalog.Volume{Source: "/srv/web-production-blue-x", Target: "/srv"}},
			},
		}},
	}
	env := servicefile.Environment{Name: "production", Replicas: 2, Coloured: true}
	planned := func(t catalog.Target, deployment string) catalog.ContainerSpec {
		return Of(s, env, Placement{Target: t, Release: "r1", Revision: "abc", Deployment: deployment}).Containers[1].ContainerSpec
	}
	for _, test := range []struct{ from, to catalog.Target }{{blue, green}, {green, blue}, {blue, blue}, {plain, plain}} {
		was := planned(test.from, "d1")
		// As its host started it, with a weight of the host's own.
		was = Container{ContainerSpec: was, Routed: true}.ToStart(7, Manner{})
		require.Equal(t, planned(test.to, "d2"), Moved(was, "web", test.from, test.to, "d2"), "as a deployment would have made it there")
		require.Equal(t, "7", was.Labels[catalog.ServiceWeight], "what it was made from is left alone")
		require.Equal(t, "d1", was.Labels[catalog.LabelDeployment])
	}
}

func TestSurplusIsWhatIsBeyondTheNewest(t *testing.T) {
	kept := func(release, deployment string) catalog.Container {
		return catalog.Container{
			ID: deployment, Name: "web" + KeptMark + deployment,
			Labels: map[string]string{catalog.LabelRelease: release, catalog.LabelDeployment: deployment},
		}
	}
	held := func(release string) catalog.Container {
		return catalog.Container{ID: release, Name: release, Labels: map[string]string{catalog.LabelRelease: release, catalog.LabelDeployment: "d9"}}
	}
	there := []catalog.Container{kept("r1", "d1"), kept("r2", "d2"), kept("r2", "d3"), kept("r3", "d4"), kept("r5", "d5"), held("r5"), held("r6")}
	gone := func(keep int) (ids []string) {
		for _, c := range Surplus(there, keep) {
			ids = append(ids, c.ID)
		}
		return ids
	}
	require.Equal(t, []string{"d5", "d2"}, gone(5), "held by a target, or kept twice")
	require.Equal(t, []string{"d5", "d2", "d1"}, gone(4))
	require.Equal(t, []string{"d5", "d3", "d2", "d1"}, gone(3))
	require.Equal(t, []string{"d5", "d4", "d3", "d2", "d1"}, gone(1))
	there[4].Running = true
	require.Equal(t, []string{"d2"}, gone(5), "what runs stays")

	stranger := kept("r1", "d1")
	stranger.Labels = nil
	require.False(t, IsKept(stranger), "whoever has no label of ours is not ours")
}
