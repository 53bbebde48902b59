package deployer_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShareIsACanaryByHand(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	for _, c := range []struct {
		percent int
		want    string
	}{
		{10, "blue-production=10,green-production=90"},
		{0, "green-production"},
		{100, "blue-production"},
	} {
		_, err := w.deployer().Share(t.Context(), "web", "production", c.percent)
		require.NoError(t, err)
		require.Equal(t, c.want, w.alias("production"), "%d %%", c.percent)
		if c.percent == 10 {
			w.setAlias("production", "green-production")
		}
	}
}

func TestShareOfASplitGoesToTheOneNamedFirst(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.setAlias("production", "green-production=50,blue-production=50")
	_, err := w.deployer().Share(t.Context(), "web", "production", 20)
	require.NoError(t, err)
	require.Equal(t, "green-production=20,blue-production=80", w.alias("production"), "green was on its way in")
	_, err = w.deployer().Share(t.Context(), "web", "production", 100)
	require.NoError(t, err)
	require.Equal(t, "green-production", w.alias("production"))
}

func TestShareWhereThereIsNothingToShareWith(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, err := w.deployer().Share(t.Context(), "web", "production", 10)
	require.ErrorContains(t, err, "nothing was ever deployed there")
	w.deploy(t, "r1")
	_, err = w.deployer().Share(t.Context(), "web", "production", 10)
	require.ErrorContains(t, err, "green-production")
	require.Equal(t, "blue-production", w.alias("production"))
}
