package catalog_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestKeys(t *testing.T) {
	k := catalog.NewKeys("")
	require.Equal(t, "teal/aliases/web/production", k.Alias("web", "production"))
	require.Equal(t, "teal/services/web", k.Service("web"))
	require.Equal(t, "teal/releases/web/green-production", k.Release("web", green))
	require.Equal(t, "teal/flips/web/production", k.Flip("web", "production"))
	require.Equal(t, "teal/deployments/web/production/d1", k.Deployment("web", "production", "d1"))
	require.Equal(t, "teal/locks/web/production", k.Lock("web", "production"))
	require.Equal(t, "teal/routers/r1", k.Router("r1"))
	require.Equal(t, "teal/hosts/n1", k.Host("n1"))
	require.Equal(t, "own/place/aliases/", catalog.NewKeys("/own/place/").Aliases())
}

func TestKeysAreReadBack(t *testing.T) {
	k := catalog.NewKeys("own")
	service, name, ok := k.CutAlias(k.Alias("web", "production"))
	require.True(t, ok)
	require.Equal(t, []string{"web", "production"}, []string{service, name})
	service, name, ok = k.CutRelease(k.Release("web", green))
	require.True(t, ok)
	require.Equal(t, []string{"web", "green-production"}, []string{service, name})
	service, ok = k.CutService(k.Service("web"))
	require.True(t, ok)
	require.Equal(t, "web", service)
	node, ok := k.CutHost(k.Host("n1.example"))
	require.True(t, ok)
	require.Equal(t, "n1.example", node)
	_, ok = k.CutHost("own/hosts/")
	require.False(t, ok)
	for _, key := range []string{"own/aliases/web", "own/aliases/web/", "own/aliases/web/a/b", "teal/aliases/web/production", "own/aliases//a"} {
		_, _, ok = k.CutAlias(key)
		require.False(t, ok, key)
	}
}

func TestParseRoute(t *testing.T) {
	for text, want := range map[string]catalog.Route{
		"Shop.example.com":          {Host: "shop.example.com", Path: "/"},
		"shop.example.com/Cart/new": {Host: "shop.example.com", Path: "/Cart/new"},
		"/cart":                     {Path: "/cart"},
		"*.Shop.example.com/cart":   {Host: "*.shop.example.com", Path: "/cart"},
		"*.internal":                {Host: "*.internal", Path: "/"},
	} {
		got, err := catalog.ParseRoute(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for text, sentence := range map[string]string{
		"": "is empty", "http://x/": "scheme", "x:80/": "not a host name", "x/../y": "plain", "x/a//b": "plain", "x/a?b": "plain", "x/%2e": "plain",
		"*": "first label", "*/cart": "first label", "*.": "first label", "*..": "first label", "*..x": "first label", "*.*.x": "first label",
		"a*.x": "first label", "*a.x": "first label", "a.*.x": "first label", "a.*": "first label", "**.x": "first label", "x/*": "no wildcard",
	} {
		_, err := catalog.ParseRoute(text)
		require.ErrorContains(t, err, sentence, text)
	}
}

func FuzzParseRoute(f *testing.F) {
	f.Add("shop.example.com/cart")
	f.Add("*.shop.example.com/cart")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := catalog.ParseRoute(s)
		if err != nil {
			return
		}
		again, err := catalog.ParseRoute(r.String())
		require.NoError(t, err)
		require.Equal(t, r, again)
		name, _ := strings.CutPrefix(r.Host, "*.")
		require.NotContains(t, name+r.Path, "*")
		require.NotEqual(t, "*.", r.Host)
	})
}

func TestSnapshotService(t *testing.T) {
	plain := catalog.Target{Environment: "integration"}
	s := &catalog.Service{
		Name:      "web",
		Instances: []catalog.Instance{{ID: "a", Target: blue, Release: "1"}, {ID: "b", Target: plain}},
		Aliases:   map[string]catalog.Alias{"production": {Name: "production", Value: catalog.PointTo(blue), Index: 7}},
		Releases:  map[catalog.Target]catalog.Release{blue: {ID: "2"}},
		Flips:     map[string]catalog.FlipRecord{"production": {Index: 6}},
	}
	a, ok := s.Resolve("integration")
	require.True(t, ok)
	require.Equal(t, catalog.PointTo(plain), a.Value)
	_, ok = s.Resolve("staging")
	require.False(t, ok)
	require.False(t, s.Expects(s.Instances[0]))
	require.True(t, s.Expects(s.Instances[1]))
	require.True(t, s.FlippedByHand("production"))
	s.Flips["production"] = catalog.FlipRecord{Index: 7}
	require.False(t, s.FlippedByHand("production"))
	require.Equal(t, "production", s.DefaultAlias())
}

func TestSameRegistration(t *testing.T) {
	r := catalog.Registration{ID: "a", Service: "web", Tags: []string{"blue"}, Meta: map[string]string{"k": "v"}, Checks: []catalog.Check{{ID: "1"}, {ID: "2"}}}
	same := r
	same.Checks = []catalog.Check{{ID: "2"}, {ID: "1"}}
	require.True(t, r.Same(same))
	other := r
	other.Meta = map[string]string{"k": "w"}
	require.False(t, r.Same(other))
	other = r
	other.Checks = []catalog.Check{{ID: "1"}}
	require.False(t, r.Same(other))
}

func TestReleasesAfterAFlip(t *testing.T) {
	s := &catalog.Service{Releases: map[catalog.Target]catalog.Release{
		blue: {ID: "1", State: catalog.Ready, Index: 3}, green: {ID: "2", State: catalog.Standby, Index: 4},
	}}
	want := map[catalog.Target]catalog.Release{
		blue: {ID: "1", State: catalog.Standby, Index: 3}, green: {ID: "2", State: catalog.Ready, Index: 4},
	}
	require.Equal(t, want, s.ReleasesAfter("production", catalog.PointTo(blue), catalog.PointTo(green)))

	split := alias(t, "green-production=1,blue-production=9")
	after := s.ReleasesAfter("production", catalog.PointTo(blue), split)
	require.Equal(t, catalog.Ready, after[blue].State, "what still gets requests is no standby")

	other := s.ReleasesAfter("next", catalog.PointTo(blue), catalog.PointTo(green))
	require.Equal(t, s.Releases, other, "an alias beside the environment's own changes no state, but holds the records")
}
