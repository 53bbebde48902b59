package deployer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// declaring deploys a file that says something to an environment.
func (w *world) declaring(t *testing.T, environment string, say func(*servicefile.Spec)) catalog.ServiceConfig {
	t.Helper()
	s := spec("good")
	say(s)
	_, err := w.deployer().Deploy(t.Context(), deployer.Request{Spec: s, Environment: environment, Release: "r1"})
	require.NoError(t, err)
	return w.config
}

func routes(paths ...string) []catalog.Route {
	var all []catalog.Route
	for _, path := range paths {
		all = append(all, catalog.Route{Host: "shop.example.com", Path: path})
	}
	return all
}

func TestRoutesKeepWhenTheyWereDeclared(t *testing.T) {
	w := newWorld()
	long := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	w.config.Routes = []catalog.Route{
		{Host: "Shop.example.com", Path: "/old/", Alias: "production", Since: long},
		{Host: "shop.example.com", Alias: "production"}, // from before there was a time
		{Host: "shop.example.com", Path: "/moved", Alias: "integration", Since: long},
	}
	began := time.Now()
	c := w.declaring(t, "production", func(s *servicefile.Spec) { s.Routes = routes("/old", "/", "/new", "/moved") })

	since := map[string]time.Time{}
	for _, r := range c.Routes {
		if r.Alias == "production" {
			since[r.Path] = r.Since
		}
	}
	require.Len(t, since, 4)
	require.Equal(t, long, since["/old"])
	require.True(t, since["/"].IsZero())
	require.Equal(t, long, since["/moved"])
	require.WithinRange(t, since["/new"], began.Add(-time.Second), time.Now())

	again := w.declaring(t, "production", func(s *servicefile.Spec) { s.Routes = routes("/new", "/old", "/", "/moved") })
	require.ElementsMatch(t, c.Routes, again.Routes, "declared again is not declared anew")

	w.declaring(t, "production", func(s *servicefile.Spec) { s.Routes = routes("/") })
	back := w.declaring(t, "production", func(s *servicefile.Spec) { s.Routes = routes("/old") })
	require.False(t, back.Routes[len(back.Routes)-1].Since.Before(since["/new"]), "what was given up is new")
}

func TestWhatLeadsToAnAliasIsItsOwn(t *testing.T) {
	w := newWorld()
	say := func(s *servicefile.Spec) {
		s.TCP, s.Preview = []catalog.TCPRoute{{Port: 5432}}, []catalog.PreviewRule{{Header: "X-Beta"}}
		env := s.Environments["integration"]
		env.TCP, env.Preview = []catalog.TCPRoute{{Port: 15432}}, []catalog.PreviewRule{{Cookie: "beta"}}
		s.Environments["integration"] = env
	}
	w.declaring(t, "production", say)
	c := w.declaring(t, "integration", say)
	require.Equal(t, []catalog.TCPRoute{{Port: 5432, Alias: "production"}, {Port: 15432, Alias: "integration"}}, c.TCP)
	require.Equal(t, []catalog.PreviewRule{{Header: "X-Beta", Alias: "production"}, {Cookie: "beta", Alias: "integration"}}, c.Preview)

	c = w.declaring(t, "production", func(s *servicefile.Spec) {})
	require.Equal(t, []catalog.TCPRoute{{Port: 15432, Alias: "integration"}}, c.TCP)
	require.Equal(t, []catalog.PreviewRule{{Cookie: "beta", Alias: "integration"}}, c.Preview)
}

func TestTrafficIsThatOfTheDefaultAlias(t *testing.T) {
	timeout := func(ms int64) func(*servicefile.Spec) {
		return func(s *servicefile.Spec) { s.Traffic.TimeoutMS = ms }
	}
	w := newWorld()
	require.EqualValues(t, 1, w.declaring(t, "integration", timeout(1)).TimeoutMS, "nobody else is there")
	require.EqualValues(t, 2, w.declaring(t, "integration", timeout(2)).TimeoutMS)
	require.EqualValues(t, 3, w.declaring(t, "production", timeout(3)).TimeoutMS)
	require.EqualValues(t, 3, w.declaring(t, "integration", timeout(4)).TimeoutMS, "a trial changes nothing for production")
	require.EqualValues(t, 5, w.declaring(t, "production", timeout(5)).TimeoutMS)
	require.Zero(t, w.declaring(t, "production", timeout(0)).TimeoutMS)
}

func TestWeightOfAHost(t *testing.T) {
	w := newWorld()
	w.declaring(t, "production", func(s *servicefile.Spec) {
		env := s.Environments["production"]
		env.Weights = map[string]int{"b": 3}
		s.Environments["production"] = env
	})
	for host, want := range map[string]string{"a": "", "b": "3"} {
		for _, c := range w.containers[host] {
			if c.Labels[catalog.LabelPart] != "web" {
				require.NotContains(t, c.Labels, catalog.ServiceWeight)
				continue
			}
			require.Equal(t, want, c.Labels[catalog.ServiceWeight], c.Name)
			require.NotEmpty(t, c.Labels[catalog.LabelSpec])
		}
	}
}
