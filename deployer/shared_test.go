package deployer_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// sharing is a request whose db belongs to no colour.
func sharing(image, release string) deployer.Request {
	req := request(image, release)
	req.Spec.Parts[0].Shared = true
	req.Spec.Parts[0].Volumes = []servicefile.PartVolume{{Volume: catalog.Volume{Source: "data", Target: "/data"}, Private: true}}
	req.Spec.Parts[0].Ports = []catalog.Port{{Private: 5432, Protocol: "tcp", Host: 5432}}
	return req
}

func TestSharedPartIsStartedOnceAndLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld()
	db := func() *catalog.Container {
		n := slices.IndexFunc(w.containers["a"], func(c *catalog.Container) bool { return c.Name == "web-production-shared-db-1" })
		require.GreaterOrEqual(t, n, 0)
		return w.containers["a"][n]
	}
	var first string
	for _, release := range []string{"r1", "r2", "r3"} {
		_, err := w.deployer().Deploy(t.Context(), sharing("good", release))
		require.NoError(t, err)
		if first == "" {
			first = db().ID
		}
		require.Equal(t, first, db().ID)
		require.True(t, db().Running)
	}
	_, err := w.deployer().Deploy(t.Context(), sharing("crash", "r4"))
	require.NoError(t, failure(t, err).Leftover)
	_, err = w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, first, db().ID)
	require.True(t, db().Running)

	spec := w.specs[first]
	require.Equal(t, "web-production-shared", spec.Network)
	require.Equal(t, "web-production-shared-data", spec.Volumes[0].Source, "it has no colour")
	require.NotContains(t, spec.Labels, catalog.LabelDeployment)
	require.True(t, w.networks["a"]["web-production-shared"])
	for _, c := range w.containers["a"] {
		if c.Labels[catalog.LabelPart] == "web" {
			require.Equal(t, []string{"web-production-shared"}, w.specs[c.ID].Also)
		}
	}
	status, err := w.deployer().Status(t.Context(), "web")
	require.NoError(t, err)
	require.Empty(t, status.Drift)

	var said lines
	require.NoError(t, w.deployer().Logs(t.Context(), deployer.LogRequest{Service: "web", Environment: "production", Shared: true}, said.add))
	require.Equal(t, []string{"a web-production-shared-db-1: log of " + first}, said.all[:1])
	require.Len(t, said.all, 2, "on both hosts")
	err = w.deployer().Logs(t.Context(), deployer.LogRequest{Service: "web", Environment: "integration", Shared: true}, said.add)
	require.ErrorContains(t, err, "no host has a shared container of web in integration")

	w.containers["a"][slices.Index(w.containers["a"], db())].Running = false
	status, err = w.deployer().Status(t.Context(), "web")
	require.NoError(t, err)
	require.Equal(t, []deployer.Drift{{
		Target: catalog.Target{Environment: "production"}, Host: "a", Container: "web-production-shared-db-1", Kind: deployer.Stopped,
	}}, status.Drift)
	_, err = w.deployer().Deploy(t.Context(), sharing("good", "r5"))
	require.NoError(t, err)
	require.True(t, db().Running, "it is started again")
	require.Equal(t, first, db().ID)
}

func TestSharedPartWhosePortIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.containers["b"] = []*catalog.Container{{
		ID: "s", Name: "postgres", Running: true, Ports: []catalog.Port{{Private: 5432, Protocol: "tcp", Host: 5432}},
	}}
	_, err := w.deployer().Deploy(t.Context(), sharing("good", "r1"))
	require.Contains(t, failure(t, err).Reason, "host b: port 5432, which part db publishes, is taken by container postgres")
	require.Zero(t, w.created)
}
