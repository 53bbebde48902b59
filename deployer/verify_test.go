package deployer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

// problems are what a verification of production finds.
func (w *world) problems(t *testing.T) []string {
	t.Helper()
	v, err := w.deployer().Verify(t.Context(), spec("good"), "production")
	if len(v.Problems) > 0 {
		require.ErrorIs(t, err, deployer.ErrNotVerified)
	} else {
		require.NoError(t, err)
	}
	return v.Problems
}

func TestVerifyLooksAtTheHostsOfWhatIsLive(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := request("good", "i1")
	req.Environment = "integration"
	env := req.Spec.Environments["integration"]
	env.Hosts = []string{"c"}
	req.Spec.Environments["integration"] = env
	_, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.Empty(t, w.problems(t))

	w.deaf["c"] = true
	require.Empty(t, w.problems(t), "it is another environment's")
	w.deaf["b"] = true
	require.Len(t, w.problems(t), 1)
	require.Contains(t, w.problems(t)[0], "host b can't be seen")
}

func TestVerifyTellsOfWhatNobodyRegistered(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.unseen = map[string]bool{"b": true}
	require.Equal(t, []string{
		"web-production-green-web-1 on b runs, but is registered by nobody; see that the registrator of that host runs, and what `teal registrator problems` says there",
		"web-production-green-web-2 on b runs, but is registered by nobody; see that the registrator of that host runs, and what `teal registrator problems` says there",
	}, w.problems(t))
}

func TestVerifyTellsOfDrift(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.stopAll("a", catalog.Target{Colour: catalog.Blue})
	require.Empty(t, w.problems(t), "it is the standby")
	w.stopAll("a", catalog.Target{Colour: catalog.Green})
	require.Contains(t, w.problems(t), "web-production-green-web-1 on a is stopped")
}

// A host whose registrator is away is named, with what to do there.
func TestAFailureNamesWhatNobodyRegistered(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.unseen = map[string]bool{"b": true}
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))
	f := failure(t, err)
	require.Equal(t, []deployer.Unregistered{{Host: "b", Container: "web-production-blue-web-1"}, {Host: "b", Container: "web-production-blue-web-2"}}, f.Unregistered)
	require.Contains(t, f.Details(), "web-production-blue-web-2 on b runs, but is registered by nobody; see that the registrator of that host runs")
}
