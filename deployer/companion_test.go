package deployer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

// withAliases is a release whose environment has further aliases.
func withAliases(release string, aliases ...string) deployer.Request {
	req := request("good", release)
	env := req.Spec.Environments["production"]
	env.Aliases = aliases
	req.Spec.Environments["production"] = env
	return req
}

func (w *world) deployed(t *testing.T, req deployer.Request) {
	t.Helper()
	_, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
}

// What an environment's further aliases point at, its own first.
func (w *world) pointed(names ...string) []string {
	var all []string
	for _, name := range append([]string{"production"}, names...) {
		all = append(all, w.alias(name))
	}
	return all
}

func TestFurtherAliasesMoveWithTheEnvironmentsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.deployed(t, withAliases("r1", "www", "shop"))
	require.Equal(t, []string{"blue-production", "blue-production", "blue-production"}, w.pointed("www", "shop"))
	require.Equal(t, w.aliases["production"].Index, w.aliases["www"].Index, "in one transaction")
	w.deployed(t, withAliases("r2", "www", "shop"))
	require.Equal(t, []string{"green-production", "green-production", "green-production"}, w.pointed("www", "shop"))
	require.Equal(t, w.last(t).ID, w.flips["www"].Deployment, "nobody did it by hand")

	done := w.backTo(t, "")
	require.Equal(t, []string{"blue-production", "blue-production", "blue-production"}, w.pointed("www", "shop"))
	require.Contains(t, done.Notes, "www moves with it")

	_, err := w.deployer().Share(t.Context(), "web", "production", 10)
	require.NoError(t, err)
	require.Equal(t, w.alias("production"), w.alias("shop"), "it has its part of the users too")
	_, err = w.deployer().Share(t.Context(), "web", "production", 0)
	require.NoError(t, err)
	require.Equal(t, []string{"blue-production", "blue-production", "blue-production"}, w.pointed("www", "shop"))
}

func TestAnAliasThatSomebodyPointedElsewhereStays(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.deployed(t, withAliases("r1", "www"))
	w.deployed(t, withAliases("r2", "www", "shop"))
	w.setAlias("www", "blue-production")
	_, err := w.deployer().Deploy(t.Context(), withAliases("r3", "www", "shop"))
	require.Contains(t, failure(t, err).Reason, "alias www points at blue-production, which would be replaced; point it elsewhere first with `teal flip web www TARGET`")

	w.backTo(t, "")
	w.deployed(t, withAliases("r3", "www", "shop"))
	require.Equal(t, []string{"green-production", "green-production", "green-production"}, w.pointed("www", "shop"), "they met again")
}

func TestFurtherAliasesAreGivenBackToo(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	req := baked(time.Minute)
	env := req.Spec.Environments["production"]
	env.Aliases = []string{"www"}
	req.Spec.Environments["production"] = env
	w.dead(t, req, catalog.Baking)
	require.Equal(t, []string{"blue-production", "blue-production"}, w.pointed("www"))
	_, ended, err := w.deployer().Abort(t.Context(), "web", "production", "it is slow")
	require.NoError(t, err)
	require.True(t, ended)
	require.Equal(t, []string{"green-production", "green-production"}, w.pointed("www"))
}

// Somebody who goes back by the one PUT during the watch moves the environment's own
// alias alone; the deployment that gives way takes the others along.
func TestFurtherAliasesFollowSomebodyWhoWentBack(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := baked(5 * time.Second)
	env := req.Spec.Environments["production"]
	env.Aliases = []string{"www"}
	req.Spec.Environments["production"] = env
	w.whileBaking(func() { w.setAlias("production", "green-production") })
	_, err := w.deployer().Deploy(t.Context(), req)
	require.Error(t, err)
	require.Equal(t, []string{"green-production", "green-production"}, w.pointed("www"))
}

func TestAPlanTellsOfFurtherAliases(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.deployed(t, withAliases("r1", "www"))
	var keys []string
	for _, change := range w.planned(t, withAliases("r2", "www")).Keys {
		keys = append(keys, change.Key+" "+change.From+" "+change.To)
	}
	require.Contains(t, keys, "aliases/web/production blue-production green-production")
	require.Contains(t, keys, "aliases/web/www blue-production green-production")
}
