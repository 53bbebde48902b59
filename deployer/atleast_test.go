package deployer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// atLeast is a request that can do without some of three hosts.
func atLeast(n int, release string) deployer.Request {
	req := inProduction(request("good", release), func(env *servicefile.Environment) {
		env.AtLeast, env.Hosts = n, []string{"a", "b", "c"}
	})
	req.Spec.Timeout = time.Second
	return req
}

func TestDeafHostIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.deaf["c"] = true
	d, err := w.deployer().Deploy(t.Context(), atLeast(2, "r1"))
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, d.Hosts)
	require.Equal(t, []string{"c"}, d.Missed)
	require.Empty(t, w.names("c"))

	w.deaf["b"] = true
	created := w.created
	_, err = w.deployer().Deploy(t.Context(), atLeast(2, "r2"))
	require.Contains(t, failure(t, err).Reason, "1 of 3 hosts are left, and environment production needs at least 2")
	require.Equal(t, created, w.created, "nothing was touched")
}

func TestStatusTellsWhichHostsWereLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld()
	missed := func() map[string][]string {
		status, err := w.deployer().Status(t.Context(), "web")
		require.NoError(t, err)
		all := map[string][]string{}
		for _, target := range status.Targets {
			if target.Missed != nil {
				all[target.Release.ID+" "+string(target.Holds)] = target.Missed
			}
		}
		return all
	}
	w.deaf["c"] = true
	_, err := w.deployer().Deploy(t.Context(), atLeast(2, "r1"))
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"r1 live": {"c"}}, missed())

	w.deaf["c"] = false
	_, err = w.deployer().Deploy(t.Context(), atLeast(2, "r2"))
	require.NoError(t, err)
	for range 6 { // more than status tells
		_, err = w.deployer().Deploy(t.Context(), request("missing", "r3"))
		require.Error(t, err)
	}
	require.Equal(t, map[string][]string{"r1 standby": {"c"}}, missed())
	_, err = w.deployer().Deploy(t.Context(), atLeast(2, "r3"))
	require.NoError(t, err)
	require.Empty(t, missed())
}

func TestHostThatDiesMeanwhileIsLeftOut(t *testing.T) {
	for _, state := range []catalog.DeploymentState{catalog.Locked, catalog.Starting, catalog.Checking} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.dropping("c", state)
			d, err := w.deployer().Deploy(t.Context(), atLeast(2, "r1"))
			require.NoError(t, err)
			require.Equal(t, []string{"a", "b"}, d.Hosts)
			require.Equal(t, []string{"c"}, d.Missed)
			require.Equal(t, "blue-production", w.alias("production"))
		})
	}
}

func TestTooFewHostsAreLeft(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, err := w.deployer().Deploy(t.Context(), atLeast(3, "r1"))
	require.NoError(t, err)
	w.dropping("c", catalog.Checking)
	_, err = w.deployer().Deploy(t.Context(), atLeast(3, "r2"))
	f := failure(t, err)
	require.Contains(t, f.Reason, "2 of 3 hosts are left, and environment production needs at least 3")
	require.ErrorContains(t, f.Leftover, "host c")
	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, running("blue", "r1"), w.names("a"))
}

func TestBatchWhoseHostDiesGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.dropping("a", catalog.Starting)
	d, err := w.deployer().Deploy(t.Context(), inProduction(atLeast(2, "r1"), func(env *servicefile.Environment) { env.Batch = 1 }))
	require.NoError(t, err)
	require.Equal(t, []string{"b", "c"}, d.Hosts)
	require.Equal(t, running("blue", "r1"), w.names("c"))
}
