package router

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func messages(problems []catalog.Problem) []string {
	texts := []string{}
	for _, p := range problems {
		texts = append(texts, p.String())
	}
	return texts
}

func TestBuildProblems(t *testing.T) {
	base := func(change func(*catalog.Service)) catalog.Snapshot { return changed(snapshotOf(bluePro), change) }
	route := func(r catalog.Route) catalog.Snapshot {
		return base(func(s *catalog.Service) { s.Config.Routes = []catalog.Route{r} })
	}
	for _, c := range []struct {
		name string
		s    catalog.Snapshot
		want []string
	}{
		{"all is well", snapshotOf(bluePro), nil},
		{"another release", base(func(s *catalog.Service) {
			s.Releases[bluePro] = catalog.Release{ID: "B"}
			for i := range s.Instances[1:] {
				s.Instances[i+1].Release = "B"
			}
			s.Instances[0].Release = "A"
		}), []string{`web: blue-0: instance blue-0 on n1 runs release "A", but blue-production of web holds "B"; it gets no requests. Deploy again, or remove the instance`}},
		{"an alias at nothing", base(func(s *catalog.Service) {
			s.Aliases["next"] = catalog.Alias{Value: catalog.PointTo(catalog.Target{Colour: catalog.Blue, Environment: "test"})}
		}), []string{"web: next: alias next points at blue-test, which nothing was ever deployed to; deploy it, or point the alias at blue-production or green-production"}},
		{
			"an alias at the sick", base(func(s *catalog.Service) { all(catalog.Critical)(s) }),
			[]string{"web: production: alias production points at blue-production, which has no healthy instance; look at its checks, or flip to a target that has"},
		},
		{"an alias like a target", base(func(s *catalog.Service) {
			s.Aliases["green-production"] = catalog.Alias{Value: catalog.PointTo(bluePro)}
		}), []string{`web: green-production: alias "green-production": environment "green-production" begins with a colour; a target is written like green-production`}},
		{
			"a bad default", base(func(s *catalog.Service) { s.Config.Default = "No!" }),
			[]string{`web: No!: the default alias can't be used: alias "No!": environment "No!" may hold only lower-case letters, digits and hyphens`},
		},
		{
			"a route of no alias", route(catalog.Route{Path: "/x", Alias: "live"}),
			[]string{`web: /x: route /x is bound to alias "live", which web does not have; set that alias, or bind the route to another`},
		},
		{
			"a route that is none", route(catalog.Route{Path: "/x/../y"}),
			[]string{`web: /x/../y: route "/x/../y": the path must be plain: no query, no escapes, no empty, "." or ".." segment`},
		},
		{
			"a stable URI", route(catalog.Route{Host: "web.proxy.example"}),
			[]string{"web: web.proxy.example: route web.proxy.example can't be taken: names at and below proxy.example are stable URIs; declare another host"},
		},
		{
			"what may be a stable URI one day", route(catalog.Route{Host: "Nobody.Proxy.example", Path: "/x"}),
			[]string{"web: Nobody.Proxy.example/x: route Nobody.Proxy.example/x can't be taken: names at and below proxy.example are stable URIs; declare another host"},
		},
		{
			"the domain itself", route(catalog.Route{Host: "proxy.example"}),
			[]string{"web: proxy.example: route proxy.example can't be taken: names at and below proxy.example are stable URIs; declare another host"},
		},
		{"a domain that only ends alike", route(catalog.Route{Host: "another-proxy.example"}), nil},
		{
			"localhost", route(catalog.Route{Host: "localhost", Path: "/x"}),
			[]string{"web: localhost/x: route localhost/x can't be taken: localhost is the router itself; declare a host name of the service's own"},
		},
		{
			"an address", route(catalog.Route{Host: "10.0.0.1"}),
			[]string{"web: 10.0.0.1: route 10.0.0.1 can't be taken: 10.0.0.1 is the router itself; declare a host name of the service's own"},
		},
		{
			"everything", route(catalog.Route{Path: "/"}),
			[]string{"web: /: route / can't be taken: it names neither a host nor a path and would take every request of no other route; declare a host or a path"},
		},
		{
			"a path like a stable URI", route(catalog.Route{Path: "/other@production/x"}),
			[]string{"web: /other@production/x: route /other@production/x can't be taken: paths that begin like /service@alias are stable URIs; declare another path"},
		},
		{
			"an instance of nowhere", base(func(s *catalog.Service) { s.Instances[3].Target.Environment = "" }),
			[]string{`web: green-1: "green-" names no target, so nothing is sent there; a target is written like green-production or integration`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, problems := Build(c.s, BuildOptions{Domain: "proxy.example"})
			require.ElementsMatch(t, c.want, messages(problems))
			_, ok := table.Lookup("any", "/web@production/")
			require.True(t, ok, "the service's good routes stay")
		})
	}
}

func TestBadServiceName(t *testing.T) {
	s := snapshotOf(bluePro)
	s = with(s, "Bad_Name", &catalog.Service{Name: "Bad_Name"})
	s.Problems = []catalog.Problem{{Subject: "a key", Message: "was bad"}}
	_, problems := Build(s, BuildOptions{})
	require.Equal(t, []string{"a key: was bad", `Bad_Name: Bad_Name: service "Bad_Name" may hold only lower-case letters, digits and hyphens`}, messages(problems))
	require.Len(t, s.Problems, 1)
}

func TestAContestedRouteStaysWithWhoWasThereFirst(t *testing.T) {
	s := snapshotOf(bluePro)
	for name, since := range map[string]uint64{"a": 0, "b": 90, "c": 40, "d": 40} {
		one := *s.Services.At("web")
		one.Name = name
		one.Config = catalog.ServiceConfig{Since: since, Routes: []catalog.Route{{Host: "x.example", Path: "/p"}, {Path: "/" + name}}}
		s = with(s, name, &one)
	}
	table, problems := Build(s, BuildOptions{Domain: "proxy.example"})
	taken := "x.example/p: route x.example/p is already declared by c, which keeps it; take it out of one of the two service files"
	require.Equal(t, []string{"a: " + taken, "b: " + taken, "d: " + taken}, messages(problems))
	m, _ := table.Lookup("x.example", "/p/q")
	require.Equal(t, "c", m.Route.Service, "neither the smallest name nor the newest")
	m, _ = table.Lookup("x.example", "/b")
	require.Equal(t, "b", m.Route.Service, "a host that declares no such path falls back to the routes of any host")
}

func TestOnlyTheExpectedReleaseIsRouted(t *testing.T) {
	s := changed(snapshotOf(bluePro), func(s *catalog.Service) {
		s.Releases[bluePro] = catalog.Release{ID: "B"}
		s.Instances[0].Release = "B"
		s.Instances[2].Release = "A"
		s.Held = map[catalog.Target]catalog.Hold{greenPro: {Instances: []catalog.Instance{
			{ID: "old", Target: greenPro, Release: "", Health: catalog.Critical},
		}}}
	})
	table, _ := Build(s, BuildOptions{})
	require.Equal(t, []backend{{key: "n1/blue-0", address: "10.0.0.1:1000", release: "B", weight: 1}}, table.part("web").pool(bluePro).backends)
	require.Equal(t, []backend{{key: "/old", address: ":0", weight: 1}}, table.part("web").pool(greenPro).backends,
		"held instances are taken for routable, and replace those of the present view")
}

func TestNoDomainMeansPathFormOnly(t *testing.T) {
	table, _ := Build(snapshotOf(bluePro), BuildOptions{})
	require.Zero(t, table.hosts.Len())
	_, ok := table.Lookup("", "/web@production/")
	require.True(t, ok)
}

// described is all that a table says.
func described(t *Table) string {
	var text strings.Builder
	for _, l := range t.Listing() {
		m, ok := t.Lookup(strings.Replace(l.Host, "*", "any", 1), l.Path)
		fmt.Fprintf(&text, "%s%s leads to %s\n", l.Host, l.Path, describe(m, ok))
	}
	problems := messages(t.Problems())
	slices.Sort(problems)
	return text.String() + describedTCP(t) + strings.Join(problems, "\n")
}

// TestStepsLeadWhereBuildDoes changes a snapshot at random: the table that follows
// the changes says the same as one built at once, and contested routes go to the
// same services.
func TestStepsLeadWhereBuildDoes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	opt := BuildOptions{Domain: "proxy.example", TCPPorts: Ports{{1, 3}}}
	hosts := []string{"", "x.example", "*.example", "y.x.example", "*.x.example", "proxy.example", "host7"}
	paths := []string{"/", "/a", "/a/b", "/a/b/c", "/c", "/d", "/e/f", "/g", "/h", "/i", "/j", "/" + strings.Repeat("long", 20)}
	s := catalog.Snapshot{}
	table, _ := Build(s, opt)
	for step := range 400 {
		edit := s.Services.Edit()
		for range 1 + rnd.IntN(3) {
			name := fmt.Sprintf("s%d", rnd.IntN(12))
			if rnd.IntN(4) == 0 {
				edit.Delete(name)
				continue
			}
			one := *snapshotOf(bluePro).Services.At("web")
			one.Name, one.Config.Since = name, uint64(rnd.IntN(4))
			for range rnd.IntN(5) {
				one.Config.Routes = append(one.Config.Routes, catalog.Route{
					Host: hosts[rnd.IntN(len(hosts))], Path: paths[rnd.IntN(len(paths))], Since: noon.Add(time.Duration(rnd.IntN(3)) * time.Hour),
				})
			}
			one.Config.TCP = someTCP(rnd)
			edit.Set(name, &one)
		}
		s.Services = edit.Done()
		table, _ = table.Update(s)
		built, _ := Build(s, opt)
		require.Equal(t, described(built), described(table), "step %d", step)
	}
	require.NotEmpty(t, table.contests())
}

// FuzzBuild adds one service, made of anything, to a good one: Build does not
// fail, and the good one keeps every route.
func FuzzBuild(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"Config": {"routes": [{"host": "web.proxy.example"}, {"path": "/web@production"}, {"host": "any"}], "default": "x"}}`,
		`{"Aliases": {"production": {"Value": "blue-production=0,green-x=3"}, "": {}, "a b": {}}}`,
		`{"Instances": [{"id": "x", "address": "::1", "port": -1, "target": "blue-production", "health": "passing"}]}`,
		`{"Held": {"blue-production": {"Instances": [{"id": "x"}]}}, "Releases": {"x": {}}}`,
		`{"Config": {"tcp": [{"port": 1}, {"port": 70000}, {"sni": "*.X."}, {"sni": "*"}, {"port": 1, "sni": "a"}, {}]}}`,
	} {
		f.Add("zzz", seed)
		f.Add("proxy", seed)
		f.Add("", seed)
	}
	good, _ := Build(snapshotOf(bluePro), BuildOptions{Domain: "proxy.example"})
	f.Fuzz(func(t *testing.T, name, text string) {
		if name == "web" {
			return
		}
		var odd catalog.Service
		_ = json.Unmarshal([]byte(text), &odd) // as far as it goes
		s := snapshotOf(bluePro)
		s = with(s, name, &odd)
		table, _ := Build(s, BuildOptions{Domain: "proxy.example"})
		for _, l := range good.Listing() {
			m, ok := table.Lookup(l.Host, l.Path)
			if !ok || m.Route.Service != "web" || m.Route.Name != l.Route.Name {
				t.Fatalf("%s%s now leads to %s", l.Host, l.Path, describe(m, ok))
			}
		}
		for target := range table.part(name).pools {
			if same, err := catalog.ParseTarget(target.String()); err != nil || same != target {
				t.Fatalf("%q is no target", target)
			}
		}
		step, _ := good.Update(s)
		if a, b := described(table), described(step); a != b {
			t.Fatalf("built at once:\n%s\nbuilt in steps:\n%s", a, b)
		}
		back, _ := step.Update(snapshotOf(bluePro))
		if a, b := described(good), described(back); a != b {
			t.Fatalf("before:\n%s\nafter it came and went:\n%s", a, b)
		}
		kept := Keep(s, catalog.Snapshot{}, noon, DefaultHold)
		Build(kept, BuildOptions{Domain: "proxy.example"})
	})
}
