package router_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
	"teal/router"
)

// fakeFlipper holds one service and notes what it is asked for.
type fakeFlipper struct {
	mu      sync.Mutex
	service *catalog.Service
	err     error
	flips   []catalog.Flip
}

func (f *fakeFlipper) Service(_ context.Context, name string) (*catalog.Service, error) {
	if f.service == nil || f.service.Name != name {
		return &catalog.Service{Name: name}, nil
	}
	return f.service, nil
}

func (f *fakeFlipper) Flip(_ context.Context, flip catalog.Flip) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flips = append(f.flips, flip)
	return 42, f.err
}

var may = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)

// flippable is web on blue, with a green to flip to.
func flippable() *catalog.Service {
	s := web(catalog.PointTo(bluePro),
		catalog.Instance{ID: "b1", Service: "web", Node: "n1", Address: "10.0.0.1", Port: 1, Target: bluePro, Health: catalog.Passing, Release: "r1"},
		catalog.Instance{ID: "g1", Service: "web", Node: "n1", Address: "10.0.0.1", Port: 2, Target: greenPro, Health: catalog.Passing, Release: "r2"},
		catalog.Instance{ID: "g2", Service: "web", Node: "n2", Address: "10.0.0.2", Port: 2, Target: greenPro, Health: catalog.Critical, Release: "r2"},
		catalog.Instance{ID: "g3", Service: "web", Node: "n3", Address: "10.0.0.3", Port: 2, Target: greenPro, Health: catalog.Passing, Release: "r0"},
	)
	s.Releases = map[catalog.Target]catalog.Release{
		bluePro:  {ID: "r1", State: catalog.Ready, At: may},
		greenPro: {ID: "r2", State: catalog.Standby, At: may},
	}
	return s
}

func (w *world) put(path, body string, change func(*http.Request)) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPut, w.admin.URL+path, strings.NewReader(body))
	require.NoError(w.t, err)
	if change != nil {
		change(req)
	}
	res, answer := w.do(req)
	return res.StatusCode, answer
}

const productionAlias = "/v1/services/web/aliases/production"

func TestFlip(t *testing.T) {
	flipper := &fakeFlipper{service: flippable()}
	w := newWorld(t, func(o *router.Options) { o.Flipper, o.Now = flipper, func() time.Time { return may } })
	s := flippable()
	w.apply(7, s)
	status, body := w.put(productionAlias+"?from=blue-production", "green-production\n", func(r *http.Request) { r.Header.Set("X-Teal-By", "ann@laptop") })
	require.Equal(t, 200, status, body)
	require.JSONEq(t, `{"service":"web","alias":"production","from":"blue-production","to":"green-production","index":42}`, body)
	require.Equal(t, []catalog.Flip{{
		Service: "web", Alias: "production", From: s.Aliases["production"], To: catalog.PointTo(greenPro),
		By: "ann@laptop", At: may, Guards: []catalog.Instance{s.Instances[1]},
		Releases: s.ReleasesAfter("production", s.Aliases["production"].Value, catalog.PointTo(greenPro)),
	}}, flipper.flips)
	require.Equal(t, catalog.Standby, flipper.flips[0].Releases[bluePro].State)

	status, body = w.put("/v1/services/web/aliases/next", "green-production=1,blue-production=0", nil)
	require.Equal(t, 200, status, body)
	require.Equal(t, catalog.Alias{Name: "next"}, flipper.flips[1].From, "an alias that is not there yet is created")
	require.Equal(t, "somebody at 127.0.0.1", flipper.flips[1].By)
	require.Equal(t, []catalog.Instance{s.Instances[1]}, flipper.flips[1].Guards)
}

func TestFlipsThatAreRefused(t *testing.T) {
	staging, sick := flippable(), flippable()
	staging.Releases[greenPro] = catalog.Release{ID: "r2", State: catalog.Staging}
	sick.Instances[1].Health = catalog.Critical
	origin := func(o string) func(*http.Request) { return func(r *http.Request) { r.Header.Set("Origin", o) } }
	for _, c := range []struct {
		name       string
		service    *catalog.Service
		path, body string
		change     func(*http.Request)
		err        error
		status     int
		says       string
	}{
		{"no such service", flippable(), "/v1/services/nobody/aliases/production", "green-production", nil, nil, 404, `no service \"nobody\"`},
		{"no value", flippable(), productionAlias, "", nil, nil, 400, "the alias is empty"},
		{"a bad value", flippable(), productionAlias, "green-production=x", nil, nil, 400, "not a whole number"},
		{"a long value", flippable(), productionAlias, strings.Repeat("x", 5000), nil, nil, 400, "no alias value"},
		{"a bad alias", flippable(), "/v1/services/web/aliases/blue-x", "green-production", nil, nil, 400, "begins with a colour"},
		{"a bad from", flippable(), productionAlias + "?from=a=b", "green-production", nil, nil, 400, "parameter from"},
		{"moved before it was asked", flippable(), productionAlias + "?from=green-production", "green-production", nil, nil, 409, `points at \"blue-production\"`},
		{"no such target", flippable(), productionAlias, "green-test", nil, nil, 409, "Nothing was ever deployed to green-test of web"},
		{"a misspelt parameter", flippable(), productionAlias + "?wat=drained", "green-production", nil, nil, 400, "There is no parameter"},
		{"half of a split is sick", sick, productionAlias, "blue-production=1,green-production=1", nil, nil, 409, "Target green-production has no healthy instance"},
		{"staging", staging, productionAlias, "green-production", nil, nil, 409, "is being brought up"},
		{"moved meanwhile", flippable(), productionAlias, "green-production", nil, catalog.ErrMoved, 409, "the alias has moved"},
		{"fell ill meanwhile", flippable(), productionAlias, "green-production", nil, catalog.ErrUnhealthy, 409, "not healthy"},
		{"no Consul", flippable(), productionAlias, "green-production", nil, errors.New("connection refused"), 502, "could not be made"},
		{"a page of another site", flippable(), productionAlias, "green-production", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, nil, 403, "another site"},
		{"a page of another origin", flippable(), productionAlias, "green-production", origin("https://evil.example"), nil, 403, "another site"},
		{"a name that was made to resolve to us", flippable(), productionAlias, "green-production", func(r *http.Request) {
			r.Host = "evil.example"
			r.Header.Set("Origin", "http://evil.example")
		}, nil, 403, "another site"},
	} {
		t.Run(c.name, func(t *testing.T) {
			flipper := &fakeFlipper{service: c.service}
			if c.err != nil {
				flipper.err = fmt.Errorf("flip production of web: %w", c.err)
			}
			w := newWorld(t, func(o *router.Options) { o.Flipper = flipper })
			w.apply(7, c.service)
			status, body := w.put(c.path, c.body, c.change)
			require.Equal(t, c.status, status, body)
			require.Contains(t, body, c.says)
			var answer struct{ Error string }
			require.NoError(t, json.Unmarshal([]byte(body), &answer))
			require.NotEmpty(t, answer.Error)
			require.Len(t, flipper.flips, map[bool]int{true: 1}[c.err != nil])
		})
	}
}

func TestFlipsComeFromTheirOwnNetworksOnly(t *testing.T) {
	outside, loopback := netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("127.0.0.0/8")
	for _, c := range []struct {
		name     string
		from     []netip.Prefix
		trusted  bool
		statuses map[string]int // by X-Forwarded-For
	}{
		{"the default is the router's own host", nil, true, map[string]int{"": 200, "127.0.0.1": 200, "10.0.0.1": 403, "x": 403}},
		{"a network", []netip.Prefix{outside}, true, map[string]int{
			"": 403, "198.51.100.1": 403, "203.0.113.9, 198.51.100.1": 403, "x": 403, "198.51.100.1, 203.0.113.9": 200,
		}},
		{"a header that nobody has to believe", []netip.Prefix{outside}, false, map[string]int{"203.0.113.9": 403}},
		{"nobody", []netip.Prefix{}, false, map[string]int{"": 403}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *router.Options) {
				o.Flipper, o.FlipFrom = &fakeFlipper{service: flippable()}, c.from
				o.Preview = []netip.Prefix{} // which is another right
				if c.trusted {
					o.TrustedProxies = []netip.Prefix{loopback}
				}
			})
			w.apply(7, flippable())
			for forwarded, want := range c.statuses {
				status, body := w.put(productionAlias, "green-production", func(r *http.Request) { r.Header.Set("X-Forwarded-For", forwarded) })
				require.Equal(t, want, status, "%q: %s", forwarded, body)
			}
		})
	}
	own := newWorld(t, nil)
	own.apply(7, flippable())
	status, body := own.put(productionAlias, "green-production", nil)
	require.Equal(t, 503, status, body)
}

func TestWhoMayNotPreviewIsShownLess(t *testing.T) {
	s := flippable()
	s.Instances[0].Meta = map[string]string{"team-phone": "555-1234"}
	s.Instances[0].Checks = []catalog.CheckStatus{{ID: "c1", Name: "HTTP", Status: catalog.Passing, Output: "db at 10.9.9.9"}}
	for _, c := range []struct {
		name    string
		preview []netip.Prefix
		shown   bool
	}{{"inside", nil, true}, {"outside", []netip.Prefix{}, false}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *router.Options) { o.Preview = c.preview })
			w.apply(7, s)
			for _, path := range []string{"/v1/services/web", "/v1/services/web/targets/blue-production"} {
				res, body := w.adminGet(path)
				require.Equal(t, 200, res.StatusCode)
				require.Contains(t, body, `"c1"`)
				require.Equal(t, c.shown, strings.Contains(body, "555-1234"), body)
				require.Equal(t, c.shown, strings.Contains(body, "10.9.9.9"), body)
			}
			res, _ := w.adminGet("/")
			require.Equal(t, 200, res.StatusCode, "the page stays open")
		})
	}
	require.Equal(t, "db at 10.9.9.9", s.Instances[0].Checks[0].Output, "the snapshot itself is not changed")
}

func TestAPageOfTheRoutersOwnMayFlip(t *testing.T) {
	w := newWorld(t, func(o *router.Options) { o.Flipper = &fakeFlipper{service: flippable()} })
	w.apply(7, flippable())
	status, body := w.put(productionAlias, "green-production", func(r *http.Request) { r.Header.Set("Origin", w.admin.URL) })
	require.Equal(t, 200, status, body)
}

func TestAdminReads(t *testing.T) {
	w := newWorld(t, func(o *router.Options) { o.Now = func() time.Time { return may } })
	for _, path := range []string{"/readyz", "/v1/services", "/v1/services/web/targets/blue-production", "/v1/routes"} {
		res, body := w.adminGet(path)
		require.Equal(t, 503, res.StatusCode, path)
		require.Contains(t, body, "has not read")
	}
	s := flippable()
	s.Config = catalog.ServiceConfig{Description: "the shop window", Owner: "shop", Routes: []catalog.Route{{Path: "/shop"}}}
	s.Flips = map[string]catalog.FlipRecord{"production": {From: catalog.PointTo(greenPro), To: catalog.PointTo(bluePro), By: "ann", At: may, Index: 7}}
	other := &catalog.Service{Name: "api", Instances: []catalog.Instance{{ID: "i1", Node: "n1", Target: integ, Address: "10.0.0.9", Port: 1, Health: catalog.Passing}}}
	w.apply(7, s, other)

	_, body := w.adminGet("/v1/services")
	require.JSONEq(t, `[
		{"name":"api","uri":"http://api.proxy.example:8080/","aliases":{"integration":"integration"},"problems":0},
		{"name":"web","description":"the shop window","owner":"shop","uri":"http://web.proxy.example:8080/","aliases":{"production":"blue-production"},"problems":1}]`, body)

	_, body = w.adminGet("/v1/services/web")
	var view struct {
		Aliases []struct {
			Name, URI     string
			FlippedByHand bool                `json:"flipped_by_hand"`
			LastFlip      struct{ By string } `json:"last_flip"`
		}
		Targets []struct {
			Name      string
			Live      bool
			Routed    int
			Release   struct{ Release string }
			Instances []struct {
				ID     string
				Routed bool
			}
		}
		Routes   []struct{ URI string }
		Problems []catalog.Problem
	}
	require.NoError(t, json.Unmarshal([]byte(body), &view))
	require.Equal(t, "http://web.production.proxy.example:8080/", view.Aliases[0].URI)
	require.False(t, view.Aliases[0].FlippedByHand)
	require.Equal(t, "ann", view.Aliases[0].LastFlip.By)
	require.Equal(t, "blue-production", view.Targets[0].Name)
	require.True(t, view.Targets[0].Live)
	require.Equal(t, 1, view.Targets[1].Routed, "g2 is critical, g3 of another release")
	require.Equal(t, "r2", view.Targets[1].Release.Release)
	require.Len(t, view.Targets[1].Instances, 3)
	require.Equal(t, "http://proxy.example:8080/shop", view.Routes[0].URI)
	require.Len(t, view.Problems, 1)

	_, body = w.adminGet("/v1/services/web/targets/green-production")
	require.Contains(t, body, `"applied": 7`)
	require.Contains(t, body, `"in_flight": 0`)
	require.Contains(t, body, `"routed": 1`)
	require.Contains(t, body, `"known": true`)
	_, body = w.adminGet("/v1/services/web/targets/blue-test")
	require.JSONEq(t, `{"service":"web","target":"blue-test","known":false,"in_flight":0,"routed":0,"applied":7,"instances":[],"traffic":{"since":"2026-05-01T10:00:00Z","requests":0,"errors":0,"buckets":[]}}`, body)
	_, body = w.adminGet("/v1/services/nobody/targets/blue-production")
	require.JSONEq(t, `{"service":"nobody","target":"blue-production","known":false,"in_flight":0,"routed":0,"applied":7,"instances":[],"traffic":{"since":"2026-05-01T10:00:00Z","requests":0,"errors":0,"buckets":[]}}`, body)
	_, body = w.adminGet("/v1/problems")
	require.Contains(t, body, "instance g3 on n3 runs release")
	_, body = w.adminGet("/v1/routes")
	require.Contains(t, body, `"path": "/web@green-production/"`)
	_, body = w.adminGet("/readyz")
	require.Contains(t, body, `"applied": 7`)
	for path, want := range map[string]int{
		"/v1/services/nobody":            404,
		"/v1/services/web/targets/b%20c": 400, "/nothing": 404, "/healthz": 200, "/metrics": 200,
	} {
		res, body := w.adminGet(path)
		require.Equal(t, want, res.StatusCode, "%s: %s", path, body)
	}
	status, body := w.put("/v1/services", "x", nil)
	require.Equal(t, 405, status, body)
}

func TestRequestsOnInstancesThatHaveGoneAreCounted(t *testing.T) {
	w := newWorld(t, nil)
	arrived, leave := make(chan struct{}), make(chan struct{})
	up := serveUpstream(t, func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-leave
	})
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b1")))
	done := make(chan struct{})
	go func() {
		defer close(done)
		res, err := http.DefaultTransport.RoundTrip(w.request(http.MethodGet, "web.proxy.example", "/", nil))
		if err == nil {
			_ = res.Body.Close()
		}
	}()
	<-arrived
	w.apply(8, web(catalog.PointTo(greenPro), instanceAt(t, up.URL, greenPro, "g1")))
	require.Equal(t, int64(1), w.inFlight("blue-production"))
	_, body := w.adminGet("/v1/services/web/targets/blue-production")
	require.Contains(t, body, `"gone": true`)
	w.apply(9)
	require.Equal(t, int64(1), w.inFlight("blue-production"), "though the whole service has left")
	_, body = w.adminGet("/v1/services/web/targets/blue-production")
	require.Contains(t, body, `"known": true`)
	require.Contains(t, body, `"routed": 0`)
	close(leave)
	<-done
	require.Eventually(t, func() bool { return w.inFlight("blue-production") == 0 }, 20*time.Second, 5*time.Millisecond)
}

func TestCataloguePageShowsAndEscapes(t *testing.T) {
	w := newWorld(t, func(o *router.Options) { o.Now, o.Version = func() time.Time { return may }, "v1.2" })
	_, body := w.adminGet("/")
	require.Contains(t, body, "has not read the service catalogue yet")

	s := flippable()
	s.Config = catalog.ServiceConfig{
		Description: `<script>alert("x")</script>`, Owner: "shop & co", Source: "javascript:alert(1)", Docs: "https://docs.example/web",
	}
	s.Flips = map[string]catalog.FlipRecord{"production": {By: "ann", At: may, Index: 3}}
	w.source.snapshots <- catalog.Snapshot{
		Services: cow.Of(map[string]*catalog.Service{"web": s}), AliasIndex: 7, StaleSince: may.Add(-90 * time.Second),
		Problems: []catalog.Problem{{Subject: "teal/aliases/x", Message: "is no key of Teal's."}},
	}
	<-w.source.applied
	res, body := w.adminGet("/")
	require.Equal(t, 200, res.StatusCode)
	for _, want := range []string{
		"&lt;script&gt;alert", "shop &amp; co", `href="https://docs.example/web"`, `href="http://web.proxy.example:8080/"`,
		`<span class="pill blue">blue-production</span>`, `<span class="pill green">green-production</span>`,
		"flipped by hand", "through Teal last by ann, 2026-05-01 10:00:00 UTC", "Consul has not answered for 1m30s",
		"<code>r2</code>", "1 of 3 get requests", "is no key of Teal", "v1.2", "instance g3 on n3 runs release",
	} {
		require.Contains(t, body, want)
	}
	require.NotContains(t, body, "javascript:alert")
	require.NotContains(t, body, "ZgotmplZ")
	csp := res.Header.Get("Content-Security-Policy")
	require.Contains(t, csp, "default-src 'none'")
	nonce := strings.Split(strings.Split(csp, "'nonce-")[1], "'")[0]
	require.Contains(t, body, `<script nonce="`+nonce+`">`)
}

func TestHeldTargetsShow(t *testing.T) {
	w := newWorld(t, nil)
	s := flippable()
	w.apply(7, s)
	sick := *s
	sick.Instances = nil
	w.apply(7, &sick)
	_, body := w.adminGet("/")
	require.Contains(t, body, "blue-production is held")
	_, body = w.adminGet("/metrics")
	require.Contains(t, body, `teal_held{service="web",target="blue-production"} 1`)
	status, body := w.put(productionAlias, "blue-production", nil)
	require.Equal(t, 503, status, body)
}
