package router

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestParsePorts(t *testing.T) {
	for _, c := range []struct {
		texts []string
		want  Ports
	}{
		{nil, nil},
		{[]string{"5432"}, Ports{{5432, 5432}}},
		{[]string{"15000-15999", " 5432"}, Ports{{15000, 15999}, {5432, 5432}}},
		{[]string{"1-65535"}, Ports{{1, 65535}}},
	} {
		got, err := ParsePorts(c.texts)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
		again, err := ParsePorts(strings.FieldsFunc(got.String(), func(r rune) bool { return r == ',' }))
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	for _, bad := range []string{"", "0", "65536", "5-4", "-5", "5-", "+5", "a", "1-2-3", "99999999999999999999"} {
		_, err := ParsePorts([]string{bad})
		require.ErrorContains(t, err, "is neither a TCP port nor a range of them", bad)
	}
	ports := Ports{{15000, 15999}, {5432, 5432}}
	require.True(t, ports.Has(15000) && ports.Has(15999) && ports.Has(5432))
	require.False(t, ports.Has(14999) || ports.Has(16000) || ports.Has(5433))
}

// FuzzParsePorts: what is read says the same once it was written.
func FuzzParsePorts(f *testing.F) {
	for _, seed := range []string{"5432", "15000-15999", " 1 - 2", "0", "9-1", "-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ports, err := ParsePorts([]string{text})
		if err != nil {
			return
		}
		again, err := ParsePorts([]string{ports.String()})
		require.NoError(t, err)
		require.Equal(t, ports, again)
		require.True(t, ports.Has(ports[0].First) && ports.Has(ports[0].Last) && !ports.Has(0) && !ports.Has(1<<16))
	})
}

// tcpSnapshot has one service that declares TCP routes.
func tcpSnapshot(routes ...catalog.TCPRoute) catalog.Snapshot {
	return changed(snapshotOf(bluePro), func(s *catalog.Service) { s.Config.TCP = routes })
}

func TestTCPProblems(t *testing.T) {
	for _, c := range []struct {
		name  string
		route catalog.TCPRoute
		want  string // empty for none
	}{
		{"a port", catalog.TCPRoute{Port: 5432}, ""},
		{"a name", catalog.TCPRoute{SNI: "DB_1.example."}, ""},
		{"a wildcard", catalog.TCPRoute{SNI: "*.example", Alias: "production"}, ""},
		{"nothing", catalog.TCPRoute{}, "web: :0 (TCP): route :0 (TCP) can't be taken: it names neither a port nor a TLS name; declare one of the two"},
		{"both", catalog.TCPRoute{Port: 5432, SNI: "db.example"}, `web: :5432 (TCP): route :5432 (TCP) can't be taken: it names both a port and the TLS name "db.example"; declare two routes`},
		{"a port that is none", catalog.TCPRoute{Port: 65536}, "web: :65536 (TCP): route :65536 (TCP) can't be taken: a port is from 1 to 65535; declare such a one"},
		{"less than a port", catalog.TCPRoute{Port: -1}, "web: :-1 (TCP): route :-1 (TCP) can't be taken: a port is from 1 to 65535; declare such a one"},
		{"a port of others", catalog.TCPRoute{Port: 22}, "web: :22 (TCP): route :22 (TCP) can't be taken: this router opens only the ports 5432,6000-6010 for services; declare one of these"},
		{"no alias", catalog.TCPRoute{Port: 5432, Alias: "live"}, `web: :5432 (TCP): route :5432 (TCP) is bound to alias "live", which web does not have; set that alias, or bind the route to another`},
		{"a target", catalog.TCPRoute{Port: 5432, Alias: "blue-production"}, `web: :5432 (TCP): route :5432 (TCP) is bound to alias "blue-production", which web does not have; set that alias, or bind the route to another`},
		{"no name", catalog.TCPRoute{SNI: "a b"}, "web: a b (TLS): route a b (TLS) can't be taken: that is no name a TLS client can ask for; write one such as db.example.com or *.db.example.com"},
		{"a wildcard of all", catalog.TCPRoute{SNI: "*."}, "web: *. (TLS): route *. (TLS) can't be taken: that is no name a TLS client can ask for; write one such as db.example.com or *.db.example.com"},
		{"a wildcard within", catalog.TCPRoute{SNI: "a.*.b"}, "web: a.*.b (TLS): route a.*.b (TLS) can't be taken: that is no name a TLS client can ask for; write one such as db.example.com or *.db.example.com"},
		{"an address", catalog.TCPRoute{SNI: "10.0.0.1"}, "web: 10.0.0.1 (TLS): route 10.0.0.1 (TLS) can't be taken: 10.0.0.1 is the router itself; declare a host name of the service's own"},
		{"a stable URI", catalog.TCPRoute{SNI: "web.Proxy.example"}, "web: web.Proxy.example (TLS): route web.Proxy.example (TLS) can't be taken: names at and below proxy.example are stable URIs; declare another host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ports, err := ParsePorts([]string{"5432", "6000-6010"})
			require.NoError(t, err)
			_, problems := Build(tcpSnapshot(c.route), BuildOptions{Domain: "proxy.example", TCPPorts: ports})
			if c.want == "" {
				require.Empty(t, problems)
				return
			}
			require.Equal(t, []string{c.want}, messages(problems))
		})
	}
	_, problems := Build(tcpSnapshot(catalog.TCPRoute{Port: 5432}), BuildOptions{})
	require.Equal(t, []string{"web: :5432 (TCP): route :5432 (TCP) can't be taken: this router opens no ports for services; have its operator allow some with --tcp-ports, or declare a TLS name"}, messages(problems))
	_, problems = Build(tcpSnapshot(catalog.TCPRoute{SNI: "x.example"}, catalog.TCPRoute{SNI: "X.example"}), BuildOptions{})
	require.Equal(t, []string{"web: X.example (TLS): route X.example (TLS) is already declared by web, which keeps it; take it out of one of the two service files"}, messages(problems))
}

// withTCP adds a service that declares TCP routes and HTTP ones.
func withTCP(s catalog.Snapshot, name string, since uint64, tcp []catalog.TCPRoute, http ...catalog.Route) catalog.Snapshot {
	one := *snapshotOf(bluePro).Services.At("web")
	one.Name, one.Config = name, catalog.ServiceConfig{Since: since, Traffic: catalog.Traffic{TCP: tcp}, Routes: http}
	return with(s, name, &one)
}

func tcpHolder(t *Table, key string) string {
	if m, ok := t.match(&Ask{tcp: key}); ok {
		return m.Route.Service
	}
	return ""
}

func TestAContestedPortStaysWithWhoWasThereFirst(t *testing.T) {
	both := []catalog.TCPRoute{{Port: 7}, {SNI: "db.example"}}
	s := catalog.Snapshot{}
	for name, since := range map[string]uint64{"a": 0, "b": 90, "c": 40, "d": 40} {
		s = withTCP(s, name, since, both)
	}
	table, problems := Build(s, BuildOptions{TCPPorts: Ports{{7, 7}}})
	require.Equal(t, "c", tcpHolder(table, ":7"))
	require.Equal(t, "c", tcpHolder(table, "db.example"))
	require.Equal(t, map[int]string{7: "c"}, table.tcpPorts())
	require.Equal(t, both[0].Port, table.tcpListing("c")[0].Port)
	require.Empty(t, table.tcpListing("a"))
	require.Len(t, problems, 6)
	require.Equal(t, "a: :7 (TCP): route :7 (TCP) is already declared by c, which keeps it; take it out of one of the two service files", messages(problems)[0])
}

func TestServerNames(t *testing.T) {
	s := withTCP(catalog.Snapshot{}, "exact", 1, []catalog.TCPRoute{{SNI: "a.x.example"}})
	s = withTCP(s, "near", 1, []catalog.TCPRoute{{SNI: "*.x.example"}})
	s = withTCP(s, "far", 1, []catalog.TCPRoute{{SNI: "*.example"}})
	table, problems := Build(s, BuildOptions{Domain: "proxy.example"})
	require.Empty(t, problems)
	for name, want := range map[string]string{
		"a.x.example": "exact", "b.x.example": "near", "c.a.x.example": "near", "x.example": "far", "y.example": "far",
		"example": "", "": "", "proxy.example": "", "web.proxy.example": "", "localhost": "", "10.0.0.1": "", "aexample": "",
	} {
		holder := ""
		if slot := table.serverName(name); slot != nil {
			holder = slot.holder().service
		}
		require.Equal(t, want, holder, name)
	}
}

// TestTLSNamesOfOthersWebsites: who declares the TLS name of a host that another
// service has HTTP routes for does not get its visitors.
func TestTLSNamesOfOthersWebsites(t *testing.T) {
	site := []catalog.Route{{Host: "shop.example", Path: "/a"}, {Host: "shop.example", Path: "/b"}}
	name := []catalog.TCPRoute{{SNI: "shop.example"}}
	for _, c := range []struct {
		name          string
		s             catalog.Snapshot
		want          string
		problem, told string
	}{
		{
			"the website is older", withTCP(withTCP(catalog.Snapshot{}, "db", 5, name), "shop", 4, nil, site...), "",
			"db: shop.example (TLS): route shop.example (TLS) is already declared by shop, which keeps it", "db",
		},
		{
			"the website is younger", withTCP(withTCP(catalog.Snapshot{}, "db", 5, name), "shop", 6, nil, site...), "db",
			"shop: shop.example/a: route shop.example/a is not reached by HTTPS, as db has all TLS connections for shop.example", "shop",
		},
		{"both are one service's", withTCP(catalog.Snapshot{}, "db", 5, name, site...), "db", "", ""},
		{"a wildcard does not cover it", withTCP(withTCP(catalog.Snapshot{}, "db", 5, []catalog.TCPRoute{{SNI: "*.example"}}), "shop", 9, nil, site...), "", "", ""},
		{
			"wildcards of both", withTCP(withTCP(catalog.Snapshot{}, "db", 5, []catalog.TCPRoute{{SNI: "*.example"}}), "shop", 4, nil, catalog.Route{Host: "*.example"}), "",
			"db: *.example (TLS): route *.example (TLS) is already declared by shop, which keeps it", "db",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, problems := Build(c.s, BuildOptions{})
			require.Equal(t, c.want, tcpHolder(table, "shop.example"))
			if c.problem == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Contains(t, problems[0].String(), c.problem)
			require.Equal(t, c.told, problems[0].Service)
		})
	}
}

// describedTCP is all that a table says of TCP.
func describedTCP(t *Table) string {
	var text strings.Builder
	for _, key := range []string{":1", ":2", ":3", "x.example", "any.example", "y.x.example", "any.x.example"} {
		fmt.Fprintf(&text, "%s is %s's\n", key, tcpHolder(t, key))
	}
	for _, service := range t.parts.Keys() {
		fmt.Fprintf(&text, "%s has %v\n", service, t.tcpListing(service))
	}
	return text.String() + fmt.Sprintln(t.tcpPorts())
}

// someTCP is routes to contend for.
func someTCP(rnd *rand.Rand) []catalog.TCPRoute {
	var routes []catalog.TCPRoute
	for range rnd.IntN(3) {
		routes = append(routes, catalog.TCPRoute{Port: 1 + rnd.IntN(4)},
			catalog.TCPRoute{SNI: []string{"x.example", "*.example", "y.x.example", "*.x.example"}[rnd.IntN(4)]})
	}
	return routes
}
