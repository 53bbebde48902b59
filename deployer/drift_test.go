package deployer_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// drifted is what status tells of drift, in words.
func (w *world) drifted(t *testing.T) (drift, unseen []string) {
	t.Helper()
	status, err := w.deployer().Status(t.Context(), "web")
	require.NoError(t, err)
	for _, d := range status.Drift {
		drift = append(drift, d.String())
	}
	return drift, status.Unseen
}

func TestNoDriftAfterDeployments(t *testing.T) {
	w := newWorld()
	req := request("good", "r1")
	req.Spec.Environments["production"] = servicefile.Environment{
		Name: "production", Hosts: []string{"a", "b", "c"}, Replicas: 2, Coloured: true, Weights: map[string]int{"b": 3, "c": 2},
	}
	d, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.Len(t, d.Containers, 7, "one that has no weight is the same everywhere, the two others are not")
	require.Empty(t, d.Containers[0].Hosts)
	require.Equal(t, []string{"b"}, d.Containers[2].Hosts)
	w.deploy(t, "r2")
	w.deploy(t, "r3")
	_, err = w.deployer().Deploy(t.Context(), request("sick", "r4"))
	require.Error(t, err)
	drift, unseen := w.drifted(t)
	require.Equal(t, []string{
		"web-production-blue-db-1 on c belongs to no recorded release",
		"web-production-blue-web-1 on c belongs to no recorded release",
		"web-production-blue-web-2 on c belongs to no recorded release",
	}, drift, "c is in the file no more")
	require.Empty(t, unseen)
}

func TestDriftIsTold(t *testing.T) {
	w := newWorld()
	w.deploy(t, "r1")
	w.deploy(t, "r2")
	require.Empty(t, first(w.drifted(t)))

	w.stopAll("a", catalog.Target{Colour: catalog.Blue}) // a standby may be stopped
	require.Empty(t, first(w.drifted(t)))

	w.stray("b", "web-production-green-web-9", "green")
	for _, c := range w.containers["a"] {
		switch c.Name {
		case "web-production-green-db-1":
			c.Running = false
		case "web-production-green-web-1":
			c.Labels[catalog.LabelSpec] = "another"
		case "web-production-green-web-2":
			c.Name = "elsewhere"
		}
	}
	drift, unseen := w.drifted(t)
	require.ElementsMatch(t, []string{
		"web-production-green-db-1 on a is stopped",
		"web-production-green-web-1 on a was not started from what is recorded",
		"web-production-green-web-2 on a is missing",
		"elsewhere on a belongs to no recorded release",
		"web-production-green-web-9 on b belongs to no recorded release",
	}, drift)
	require.Empty(t, unseen)
	require.Len(t, w.planned(t, request("good", "r2")).Drift, len(drift), "a plan tells the same")

	w.on = func(op, arg string) error {
		if op == "list" && arg == "a" {
			return errors.New("it is off")
		}
		return nil
	}
	drift, unseen = w.drifted(t)
	require.Equal(t, []string{"web-production-green-web-9 on b belongs to no recorded release"}, drift)
	require.Equal(t, []string{"host a can't be seen: it is off"}, unseen)
}

func first(drift, _ []string) []string { return drift }

func TestNoDriftIsToldOfWhatIsUnderWayOrWasNotRecorded(t *testing.T) {
	w := newWorld()
	w.deploy(t, "r1")
	w.stray("b", "web-production-blue-web-9", "blue")
	last := w.last(t)
	last.Containers = nil // as older versions wrote it
	w.deployments[last.ID] = last
	require.Empty(t, first(w.drifted(t)))

	w = newWorld()
	w.deploy(t, "r1")
	w.stray("b", "web-production-green-web-1", "green")
	require.Len(t, first(w.drifted(t)), 1)
	w.deployments["z"] = catalog.Deployment{
		ID: "z", Service: "web", Environment: "production", State: catalog.Starting,
		Target: catalog.Target{Colour: catalog.Green, Environment: "production"},
	}
	require.Empty(t, first(w.drifted(t)))
}
