package router

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/router/limit"
)

// noSource is for routers whose snapshots a test applies itself.
type noSource struct{}

func (noSource) Watch(ctx context.Context, _ func(catalog.Snapshot)) error {
	<-ctx.Done()
	return ctx.Err()
}

// explaining is a router that has applied a snapshot.
func explaining(t testing.TB, s catalog.Snapshot) *Router {
	t.Helper()
	r, err := New(Options{ID: "r1", Domain: "proxy.example", ProxyAddr: "proxy.example:80", Source: noSource{}})
	require.NoError(t, err)
	r.apply(s)
	return r
}

// ask explains as the admin API does, to somebody at an address.
func (r *Router) askFrom(q Question, asker string) (*explanation, error) {
	req := httptest.NewRequest("GET", "/v1/explain", nil)
	req.RemoteAddr = asker + ":1"
	t := r.dispatch.table.Load()
	return r.explain(t, r.viewer(t, req), q, netip.MustParseAddr(asker))
}

func (r *Router) words(t testing.TB, q Question) string {
	t.Helper()
	e, err := r.askFrom(q, "127.0.0.1")
	require.NoError(t, err)
	return strings.Join(e.Words, "\n") + "\n"
}

// rich is a service with one of everything.
func rich() catalog.Snapshot {
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	return changed(snapshotOf(bluePro), func(s *catalog.Service) {
		v, _ := catalog.ParseAliasValue("blue-production=90,green-production=10")
		s.Aliases["production"] = catalog.Alias{Name: "production", Value: v, Index: 9}
		s.Flips = map[string]catalog.FlipRecord{"production": {To: v, By: "ann", At: at, Index: 9}}
		s.Releases = map[catalog.Target]catalog.Release{greenPro: {ID: "r2", State: catalog.Ready}}
		for i := range s.Instances {
			if s.Instances[i].Target == greenPro {
				s.Instances[i].Release = "r2"
			}
		}
		s.Instances[0].Health = catalog.Maintenance
		s.Instances[2].Weight = 3
		s.Instances[4].ZeroWeight = true
		s.Instances[1].Health = catalog.Critical
		s.Instances[1].Checks = []catalog.CheckStatus{{Name: "HTTP", Status: catalog.Critical, Output: "refused at 10.9.9.9\nmore"}}
		s.Instances[3].Release = "r1"
		s.Instances = append(s.Instances, catalog.Instance{
			ID: "green-3", Service: "web", Node: "n2", Address: "10.0.0.2", Port: 2003, Target: greenPro, Release: "r2", Health: catalog.Warning,
		})
		s.Config.Routes = []catalog.Route{{Host: "*.shop.example", Path: "/cart", Strip: true}, {Path: "/web"}}
		s.Config.Preview = []catalog.PreviewRule{{Target: greenPro, Header: "X-Beta", Value: "secret"}}
		s.Config.Traffic.MaxInFlight, s.Config.Traffic.MaxQueue = 10, 5
	})
}

func TestExplainARequest(t *testing.T) {
	r := explaining(t, rich())
	require.Equal(t, `A request for http://web.proxy.example/x from 127.0.0.1:
The stable host name web.proxy.example leads to alias production of web.
Alias production points at blue-production=90,green-production=10 (index 9, flipped by ann at 2026-05-01 10:00:00.000 UTC); 0 in flight through it.
  Split: blue-production 90 %, green-production 10 %. Clients stay on their side by cookie teal-web.
  The preview rule to green-production does not apply: the request has no header X-Beta.
  The client is known by its cookie teal-web, which draws green-production.
The request goes to green-production.
Target blue-production: live, any release, 1 instance gets requests, 0 in flight.
  blue-0 on n1 at 10.0.0.1:1000, maintenance, weight 1, 0 in flight; gets no requests: it is in maintenance.
  blue-1 on n1 at 10.0.0.1:1001, passing, weight 3, 0 in flight; gets requests.
  blue-2 on n1 at 10.0.0.1:1002, passing, weight 0, 0 in flight; gets no requests: its weight is 0.
Target green-production: live, release r2 (ready), 1 instance gets requests, 0 in flight.
  green-0 on n1 at 10.0.0.1:2000, critical, weight 1, 0 in flight; gets no requests: its check HTTP is critical.
    HTTP: refused at 10.9.9.9
  green-1 on n1 at 10.0.0.1:2001, passing, weight 1, 0 in flight; gets no requests: it runs release "r1", and green-production holds "r2".
  green-2 on n1 at 10.0.0.1:2002, passing, weight 1, 0 in flight; gets requests.
  green-3 on n2 at 10.0.0.2:2003, warning, weight 1, 0 in flight; gets no requests: its checks warn, and others pass.
Limits: a connection within 2s; the first byte within 1m0s; 0 of at most 10 requests under way, 0 of at most 5 waiting for up to 1s; up to 3 attempts, and 20 % retries.
Problem with green-1: instance green-1 on n1 runs release "r1", but green-production of web holds "r2"; it gets no requests. Deploy again, or remove the instance.
`, r.words(t, Question{URL: "http://web.proxy.example/x", Headers: []string{"Cookie: teal-web=ffffffff"}}))
}

func TestExplainedRules(t *testing.T) {
	r := explaining(t, rich())
	for url, want := range map[string]string{
		"http://web.production.proxy.example":    "The stable host name web.production.proxy.example leads to alias production of web.",
		"WEB.Blue-Production.proxy.example:80/x": "The stable host name web.blue-production.proxy.example leads to target blue-production of web.",
		"http://any/web@production/x":            "The path form /web@production/ leads to alias production of web. /web@production is taken off the path.",
		"https://a.shop.example/cart/1":          "The route *.shop.example/cart, which the service declares, leads to alias production of web. /cart is taken off the path.",
		"/web/x":                                 "The route /web, which the service declares, leads to alias production of web.",
	} {
		require.Contains(t, r.words(t, Question{URL: url}), "\n"+want+"\n", url)
	}
}

func TestExplainWhatIsNotThere(t *testing.T) {
	r := explaining(t, rich())
	for url, want := range map[string][]string{
		"http://api.proxy.example/":      {"No service answers for host", `no service is called "api"`, "There are: web."},
		"http://web.beta.proxy.example/": {`no alias or target called "beta"`, "There are: blue-production, green-production, production."},
		"http://other.example/a/../b":    {"can be read in more than one way"},
		"http://other.example/":          {"No service answers", "There are: web."},
		"tcp://router:5432":              {"No service has the TCP port 5432."},
		"tls://DB.example":               {"No service has the TLS connections for db.example"},
	} {
		for _, text := range want {
			require.Contains(t, r.words(t, Question{URL: url}), text, url)
		}
	}
	for _, c := range []struct {
		q    Question
		want string
	}{
		{Question{}, "nothing is asked"},
		{Question{URL: "ftp://x/"}, `scheme "ftp"`},
		{Question{URL: "http://%zz/"}, "is no URL"},
		{Question{URL: "tcp://router"}, "names no port"},
		{Question{URL: "x/", From: "here"}, `"here" is not an address`},
		{Question{URL: "x/", Headers: []string{"Beta"}}, `"Beta" is no header`},
		{Question{Service: "api"}, `no service "api"`},
		{Question{Service: "web", Name: "blue-test"}, `no alias or target called "blue-test"; it has: blue-production, green-production, production`},
		{Question{Service: "web", Instance: "x"}, `has an instance "x"`},
	} {
		_, err := r.askFrom(c.q, "127.0.0.1")
		var no *refusal
		require.True(t, errors.As(err, &no), "%+v", c.q)
		require.Contains(t, no.sentence, c.want)
	}
}

func TestExplainAServiceAnAliasATargetAndAnInstance(t *testing.T) {
	r := explaining(t, rich())
	service := r.words(t, Question{Service: "web"})
	require.Contains(t, service, "Service web: http://web.proxy.example/ leads to alias production.")
	require.Contains(t, service, "Target blue-production:")
	require.Contains(t, service, "Limits: a connection within 2s; the first byte within 1m0s; 0 of at most 10 requests under way, 0 of at most 5 waiting for up to 1s; up to 3 attempts, and 20 % retries.")
	alias := r.words(t, Question{Service: "web", Name: "production"})
	require.Contains(t, alias, "Split: blue-production 90 %, green-production 10 %.")
	green := r.words(t, Question{Service: "web", Name: "green-production"})
	require.NotContains(t, green, "Target blue-production")
	require.Contains(t, green, "Target green-production: live, release r2 (ready), 1 instance gets requests, 0 in flight.")
	for id, want := range map[string]string{
		"green-0": "critical, weight 1, 0 in flight; gets no requests: its check HTTP is critical.\n    HTTP: refused at 10.9.9.9\n",
		"green-1": `gets no requests: it runs release "r1", and green-production holds "r2".`,
		"green-2": "passing, weight 1, 0 in flight; gets requests.",
		"green-3": "gets no requests: its checks warn, and others pass.",
	} {
		require.Contains(t, green, "  "+id+" on ")
		one := r.words(t, Question{Service: "web", Name: "green-production", Instance: id})
		require.Contains(t, one, want)
		require.Equal(t, 1, strings.Count(one, " at 10.0.0."), one)
	}
}

func TestExplainPreviewsAndHalts(t *testing.T) {
	r := explaining(t, rich())
	for _, c := range []struct {
		q    Question
		want string
	}{
		{Question{Headers: []string{"X-Beta: secret"}}, "The preview rule to green-production applies: all its conditions hold.\nThe request goes to green-production."},
		{Question{Headers: []string{"X-Beta: other"}}, `the request's header X-Beta has another value than "secret".`},
		{Question{Headers: []string{"X-Beta: secret"}, From: "203.0.113.9"}, "203.0.113.9 may not preview"},
	} {
		c.q.URL = "web.proxy.example"
		require.Contains(t, r.words(t, c.q), c.want)
	}
	r.apply(changed(rich(), func(s *catalog.Service) {
		none := catalog.Target{Colour: catalog.Blue, Environment: "test"}
		s.Releases[none] = catalog.Release{ID: "r9"}
		s.Config.Preview = append([]catalog.PreviewRule{{Target: none, Cookie: "beta"}}, s.Config.Preview[0], s.Config.Preview[0])
	}))
	require.Contains(t, r.words(t, Question{URL: "web.proxy.example", Headers: []string{"X-Beta: secret", "Cookie: beta=1"}}),
		`  The preview rule to blue-test does not apply: nobody is there to answer, so the request goes to the alias.
  The preview rule to green-production applies: all its conditions hold.
  The preview rule to green-production does not apply: an earlier rule takes the request.
The request goes to green-production.`)
	s := changed(rich(), func(s *catalog.Service) {
		s.Halts = map[string]catalog.Halt{"production": {Kind: catalog.HaltPause, By: "ann", MaxWaitMS: 5000}}
	})
	r.apply(s)
	words := r.words(t, Question{URL: "web.proxy.example"})
	require.Contains(t, words, "Paused by ann: requests wait for up to 5s, 0 of at most 10000 do in this router.")
	require.Contains(t, words, "The request waits until the alias is resumed.")
	r.apply(changed(rich(), func(s *catalog.Service) {
		s.Halts = map[string]catalog.Halt{"production": {Kind: catalog.HaltMaintenance}}
	}))
	require.Contains(t, r.words(t, Question{URL: "web.proxy.example"}), "answers 503 itself, as the alias is under maintenance")
}

func TestExplainedDraws(t *testing.T) {
	for _, c := range []struct {
		sticky *catalog.Sticky
		q      Question
		want   string
	}{
		{nil, Question{Headers: []string{"Cookie: teal-web=0"}}, "known by its cookie teal-web, which draws blue-production."},
		{nil, Question{}, "does not bring the cookie teal-web, so its side of the split is drawn by chance, and the answer sets the cookie."},
		{&catalog.Sticky{By: catalog.StickyHeader, Name: "X-User"}, Question{}, "does not bring the header X-User"},
		{&catalog.Sticky{By: catalog.StickyHeader, Name: "X-User"}, Question{Headers: []string{"x-user: 1"}}, "known by its header X-User, which draws "},
		{&catalog.Sticky{By: catalog.StickyClient}, Question{From: "10.0.0.7"}, "known by its address 10.0.0.7, which draws "},
		{&catalog.Sticky{By: catalog.StickyNone}, Question{}, "Each request draws its side of the split by chance."},
	} {
		r := explaining(t, splitSnapshot(t, "green-production=50,blue-production=50", c.sticky))
		c.q.URL = "web.proxy.example"
		require.Contains(t, r.words(t, c.q), c.want)
	}
}

// What explain says of a known client is what happens to it.
func TestExplainAndClaimAgree(t *testing.T) {
	r := explaining(t, splitSnapshot(t, "green-production=40,blue-production=60", &catalog.Sticky{By: catalog.StickyClient}))
	for n := range 50 {
		peer := fmt.Sprintf("10.0.0.%d", n)
		e, err := r.askFrom(Question{URL: "web.proxy.example", From: peer}, "127.0.0.1")
		require.NoError(t, err)
		ask := askWeb
		ask.Peer = netip.MustParseAddr(peer)
		var c Claim
		require.Nil(t, r.Claim(t.Context(), &c, ask))
		require.Equal(t, e.Sent, c.Target())
		c.Release(Class2xx)
	}
}

func TestExplainCountsNothingAndIsNoProbe(t *testing.T) {
	r := explaining(t, snapshotOf(bluePro))
	tally := r.ledger.services["web"].targets[bluePro]
	before := tally.turn.Load()
	first := tally.instances["n1/blue-0"]
	first.aside.Now = func() time.Time { return time.Now().Add(-time.Minute) }
	require.True(t, first.aside.Failed(limit.Refused, time.Now()))
	for range 10 {
		words := r.words(t, Question{URL: "web.proxy.example"})
		require.Regexp(t, `blue-0 on n1 .*; set aside since .* until .*, as it refused a connection \(1 failure in a row\)\.`, words)
		require.NotContains(t, words, "all are set aside")
	}
	require.True(t, first.aside.Available(time.Now()), "the probe is still to be had")
	require.Contains(t, r.words(t, Question{URL: "web.proxy.example"}), "one request is tried on it")
	require.Zero(t, r.InFlight())
	require.Equal(t, before, tally.turn.Load())
	for key, other := range tally.instances {
		if key != "n1/blue-0" {
			require.True(t, other.aside.Failed(limit.Refused, time.Now()))
		}
	}
	require.Contains(t, r.words(t, Question{URL: "web.proxy.example"}), "but gets requests, as all are set aside")
}

func TestExplainTellsStrangersLess(t *testing.T) {
	r := explaining(t, rich())
	for _, c := range []struct {
		asker string
		shown bool
	}{{"127.0.0.1", true}, {"203.0.113.9", false}} {
		e, err := r.askFrom(Question{URL: "http://web.green-production.proxy.example/"}, c.asker)
		require.NoError(t, err)
		f, err := r.askFrom(Question{URL: "web.proxy.example", Headers: []string{"X-Beta: 1"}, From: "10.0.0.1"}, c.asker)
		require.NoError(t, err)
		body, err := json.Marshal([]any{e, f})
		require.NoError(t, err)
		require.Equal(t, c.shown, strings.Contains(string(body), "10.9.9.9"), c.asker)
		require.Equal(t, c.shown, strings.Contains(string(body), "secret"), c.asker)
	}
}

func TestExplainSlowStart(t *testing.T) {
	s := changed(snapshotOf(bluePro), func(s *catalog.Service) { s.Config.SlowStartMS = 3_600_000 })
	r := explaining(t, s)
	require.NotContains(t, r.words(t, Question{Service: "web"}), "slow start", "all began together")
	r.apply(changed(s, func(s *catalog.Service) { s.Instances = append(s.Instances, instanceOf(bluePro, "blue-3", 1003)) }))
	require.Contains(t, r.words(t, Question{Service: "web", Instance: "blue-3"}), "gets requests, in its slow start: 10 % of its share.")
}

func TestExplainARestoredView(t *testing.T) {
	s := snapshotOf(bluePro)
	s.Restored = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	require.Contains(t, explaining(t, s).words(t, Question{Service: "web"}), "its view was saved at 2026-05-01T10:00:00Z")
}

func FuzzQuestion(f *testing.F) {
	f.Add("http://web.proxy.example/x?y", "X-Beta: 1", "10.0.0.1")
	f.Add("/web@production/%2e%2e/", "Host: web.proxy.example", "::1")
	f.Add("tcp://:5432", ":", "")
	f.Add("tls://*.a", "Cookie: teal-web=ff", "x")
	r := explaining(f, rich())
	f.Fuzz(func(t *testing.T, url, header, from string) {
		e, err := r.askFrom(Question{URL: url, Headers: []string{header}, From: from, Service: "web"}, "127.0.0.1")
		if err == nil && len(e.Words) == 0 {
			t.Fatal("nothing is said")
		}
	})
}
