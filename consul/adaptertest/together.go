package adaptertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// together are the tests of flips in one transaction.
func together() map[string]func(*testing.T, *world) {
	return map[string]func(*testing.T, *world){
		"flips of two services happen at one index":          togetherAtOneIndex,
		"none of two flips happens when one has moved":       togetherMoved,
		"none of two flips happens without one of the locks": togetherUnlocked,
		"none of two flips happens to a critical instance":   togetherCritical,
		"two aliases of a service flip together":             togetherOneService,
		"an alias flips once at a time":                      togetherTwice,
		"too many nodes for a transaction are refused":       togetherTooMany,
	}
}

// other is the world as another service sees it.
func (w *world) other() *world {
	other := *w
	other.service += "-other"
	return &other
}

func (w *world) aliasIs(t *testing.T, want string) {
	t.Helper()
	require.Equal(t, want, w.read(t).Aliases["production"].Value.String())
}

func togetherAtOneIndex(t *testing.T, w *world) {
	o := w.other()
	f, g, d, e := w.flip(green), o.flip(blue), w.deployment("d1"), o.deployment("d2")
	f.LockSession, g.LockSession = w.lock(t), o.lock(t)
	f.Deployment, g.Deployment = &d, &e
	f.Releases = map[catalog.Target]catalog.Release{green: {ID: "1", State: catalog.Ready}}
	g.Releases = map[catalog.Target]catalog.Release{blue: {ID: "2", State: catalog.Ready}}
	index, err := w.FlipTogether(t.Context(), []catalog.Flip{f, g})
	require.NoError(t, err)

	for _, want := range []struct {
		*world
		target              catalog.Target
		release, deployment string
	}{{w, green, "1", "d1"}, {o, blue, "2", "d2"}} {
		s := want.read(t)
		require.Equal(t, catalog.Alias{Name: "production", Value: catalog.PointTo(want.target), Index: index}, s.Aliases["production"])
		require.Equal(t, want.deployment, s.Flips["production"].Deployment)
		require.False(t, s.FlippedByHand("production"))
		require.Equal(t, want.release, s.Releases[want.target].ID)
		list, err := want.Deployments(t.Context(), want.service, "production")
		require.NoError(t, err)
		require.Equal(t, index, list[0].Index)
	}
}

func togetherMoved(t *testing.T, w *world) {
	o := w.other()
	_, err := o.Flip(t.Context(), o.flip(green))
	require.NoError(t, err)
	_, err = w.FlipTogether(t.Context(), []catalog.Flip{w.flip(green), o.flip(blue)})
	require.ErrorIs(t, err, catalog.ErrMoved)
	require.ErrorContains(t, err, "production of "+o.service+" no longer")
	w.aliasIs(t, "")
	o.aliasIs(t, "green-production")
}

func togetherUnlocked(t *testing.T, w *world) {
	o := w.other()
	f, g := w.flip(green), o.flip(green)
	f.LockSession, g.LockSession = w.lock(t), o.lock(t)
	require.NoError(t, o.Unlock(t.Context(), o.service, "production", g.LockSession))
	_, err := w.FlipTogether(t.Context(), []catalog.Flip{f, g})
	require.ErrorIs(t, err, catalog.ErrLockLost)
	require.ErrorContains(t, err, "the lock of "+o.service+" in production")
	w.aliasIs(t, "")
	o.aliasIs(t, "")
}

func togetherCritical(t *testing.T, w *world) {
	o := w.other()
	w.instance(t, "a", green, "1", api.HealthPassing)
	o.instance(t, "b", green, "1", api.HealthPassing)
	f, g := w.flip(green), o.flip(green)
	f.Guards = []catalog.Instance{w.awaitInstance(t, "a", catalog.Passing)}
	g.Guards = []catalog.Instance{o.awaitInstance(t, "b", catalog.Passing)}
	o.health(t, "b", api.HealthCritical)
	o.awaitInstance(t, "b", catalog.Critical)
	_, err := w.FlipTogether(t.Context(), []catalog.Flip{f, g})
	require.ErrorIs(t, err, catalog.ErrUnhealthy)
	require.ErrorContains(t, err, o.service+"b of "+o.service)
	w.aliasIs(t, "")
	w.noGuards(t)

	o.health(t, "b", api.HealthPassing)
	o.awaitInstance(t, "b", catalog.Passing)
	_, err = w.FlipTogether(t.Context(), []catalog.Flip{f, g})
	require.NoError(t, err)
	w.aliasIs(t, "green-production")
	o.aliasIs(t, "green-production")
	w.noGuards(t)
}

func (w *world) noGuards(t *testing.T) {
	t.Helper()
	left, _, err := w.api.KV().Keys(w.keys.Guards(), "", nil)
	require.NoError(t, err)
	require.Empty(t, left)
	sessions, _, err := w.api.Session().List(nil)
	require.NoError(t, err)
	for _, s := range sessions {
		require.NotContains(t, s.Name, w.service)
	}
}

// togetherOneService has both aliases vouch for what their common target holds.
func togetherOneService(t *testing.T, w *world) {
	session := w.lock(t)
	for n, aliases := range [][]string{{"production", "beta"}, {"beta", "production"}} {
		to := []catalog.Target{green, blue}[n]
		require.NoError(t, w.PutRelease(t.Context(), w.service, to, catalog.Release{ID: "1", State: catalog.Standby}, session))
		before := w.read(t)
		var flips []catalog.Flip
		for _, alias := range aliases {
			f := w.flip(to)
			f.Alias, f.LockSession, f.From = alias, session, before.Aliases[alias]
			f.Releases = before.ReleasesAfter(alias, catalog.AliasValue{}, f.To)
			flips = append(flips, f)
		}
		require.NotEqual(t, flips[0].Releases, flips[1].Releases)
		index, err := w.FlipTogether(t.Context(), flips)
		require.NoError(t, err)
		s := w.read(t)
		require.Equal(t, index, s.Aliases["production"].Index)
		require.Equal(t, index, s.Aliases["beta"].Index)
		require.Equal(t, catalog.Ready, s.Releases[to].State, "the environment's own alias says what it is good for")
	}
}

func togetherTwice(t *testing.T, w *world) {
	_, err := w.FlipTogether(t.Context(), []catalog.Flip{w.flip(green), w.other().flip(green), w.flip(blue)})
	require.ErrorContains(t, err, "production of "+w.service+" is in it twice")
	w.aliasIs(t, "")
	_, err = w.FlipTogether(t.Context(), nil)
	require.ErrorContains(t, err, "nothing to flip")
}

// togetherTooMany has two flips of which each alone would fit.
func togetherTooMany(t *testing.T, w *world) {
	o := w.other()
	f, g := w.flip(green), o.flip(green)
	for n := range 70 {
		i := catalog.Instance{ID: fmt.Sprint("i", n), Node: fmt.Sprint("n", n), Health: catalog.Passing}
		f.Guards, g.Guards = append(f.Guards, i), append(g.Guards, i)
	}
	began := time.Now()
	_, err := w.FlipTogether(t.Context(), []catalog.Flip{f, g})
	require.ErrorIs(t, err, catalog.ErrTooManyChecks)
	require.ErrorContains(t, err, "140 nodes")
	require.ErrorContains(t, err, "flip fewer services together")
	f.Guards = append(f.Guards, g.Guards...)
	for n := range f.Guards {
		f.Guards[n].Node = fmt.Sprint("n", n)
	}
	_, err = w.Flip(t.Context(), f)
	require.ErrorIs(t, err, catalog.ErrTooManyChecks)
	require.ErrorContains(t, err, "on fewer nodes")
	require.Less(t, time.Since(began), patience)
}
