package router_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
	"teal/router"
)

// fleetOf is worlds as one fleet.
func fleetOf(worlds map[string]*world) router.Fleet {
	return router.Fleet{Alias: router.AliasOf, Living: func(context.Context) ([]catalog.RouterRecord, error) {
		var all []catalog.RouterRecord
		for id, w := range worlds {
			all = append(all, catalog.RouterRecord{ID: id, Admin: w.admin.URL})
		}
		return all, nil
	}}
}

func TestAwaitHalted(t *testing.T) {
	one, two := newWorld(t, nil), newWorld(t, nil)
	url, arrived, letGo := holding(t)
	s := web(catalog.PointTo(bluePro), instanceAt(t, url, bluePro, "b"))
	one.apply(7, s)
	two.apply(7, s)
	fleet := fleetOf(map[string]*world{"one": one, "two": two})
	await := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		return fleet.AwaitHalted(ctx, "web", "production", catalog.HaltPause)
	}
	underway := two.send("web.proxy.example", "/")
	<-arrived
	one.apply(8, halting(s, pause(time.Minute, 0)))
	err := await()
	require.EqualError(t, err, "router two has not applied it yet")
	two.apply(8, halting(s, pause(time.Minute, 0)))
	require.EqualError(t, await(), "router two still has 1 in flight")
	done := make(chan error, 1)
	go func() { done <- fleet.AwaitHalted(t.Context(), "web", "production", catalog.HaltPause) }()
	letGo()
	require.Equal(t, 200, (<-underway).status)
	require.NoError(t, <-done)
	require.ErrorContains(t, fleet.AwaitHalted(ended(t), "web", "production", catalog.HaltMaintenance), "has not applied it yet")
}

// ended is a context that has.
func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	t.Cleanup(cancel)
	return ctx
}

func TestAwaitHaltedTrustsNobodyWhoCantBeAsked(t *testing.T) {
	other := serveUpstream(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	living := []catalog.RouterRecord{{ID: "gone", Admin: "http://" + refusing(t)}, {ID: "else", Admin: other.URL}}
	var unread error
	fleet := router.Fleet{Alias: router.AliasOf, Living: func(context.Context) ([]catalog.RouterRecord, error) { return living, unread }}
	err := fleet.AwaitHalted(ended(t), "web", "production", catalog.HaltPause)
	require.ErrorContains(t, err, "router gone can't be asked: ask the router at ")
	require.ErrorContains(t, err, "router else can't be asked: ask the router at "+other.URL+": no router's admin API answers there")
	living = nil
	require.ErrorContains(t, fleet.AwaitHalted(ended(t), "web", "production", catalog.HaltPause), "no living router is known")
	unread = errors.New("no Consul")
	require.ErrorContains(t, fleet.AwaitHalted(ended(t), "web", "production", catalog.HaltPause), "no Consul")
}

func TestExplainOverTheAdminAPI(t *testing.T) {
	w := newWorld(t, nil)
	_, err := router.Explain(t.Context(), w.admin.URL, router.Question{Service: "web"})
	require.ErrorContains(t, err, "has not read the service catalogue yet")
	w.apply(7, flippable())
	said, err := router.Explain(t.Context(), w.admin.URL, router.Question{URL: "web.proxy.example", Headers: []string{"X-A: b & c"}, From: "10.0.0.1"})
	require.NoError(t, err)
	require.Equal(t, "A request for web.proxy.example from 10.0.0.1:", said.Words[0])
	require.Contains(t, string(said.JSON), `"sent": "blue-production"`)
	_, err = router.Explain(t.Context(), w.admin.URL, router.Question{Service: "api"})
	require.ErrorContains(t, err, `There is no service "api"`)
	_, err = router.Explain(t.Context(), refusing(t), router.Question{Service: "web"})
	require.ErrorIs(t, err, router.ErrNoAdminAPI)
	_, err = router.Explain(t.Context(), w.proxy.URL, router.Question{Service: "web"})
	require.ErrorIs(t, err, router.ErrNoAdminAPI)
}

func TestAStageAlone(t *testing.T) {
	w := newWorld(t, nil)
	w.apply(7, flippable())
	for path, want := range map[string]string{
		"/v1/services/web/aliases/production":                          `"in_flight": 0`,
		"/v1/services/web/targets/green-production/instances/n3/g3":    `it runs release \"r0\"`,
		"/v1/services/web/targets/green-production/instances/n2/g2":    `"why": "its health is critical"`,
		"/v1/services/web/targets/blue-production/instances/n1/b1":     `"routed": true`,
		"/v1/explain?url=http://web.proxy.example/&instance=n1/b1":     `  b1 on n1`,
		"/v1/explain?service=web&name=green-production&instance=n2/g2": `g2 on n2`,
	} {
		res, body := w.adminGet(path)
		require.Equal(t, 200, res.StatusCode, "%s: %s", path, body)
		require.Contains(t, body, want, path)
	}
	for path, status := range map[string]int{
		"/v1/services/web/aliases/beta": 404, "/v1/services/api/aliases/production": 404,
		"/v1/services/web/targets/blue-production/instances/n9/b1": 404, "/v1/services/web/targets/b%20c/instances/n1/b1": 400,
		"/v1/explain": 400, "/v1/explain?url=ftp://x": 400, "/v1/explain?service=api": 404,
	} {
		res, body := w.adminGet(path)
		require.Equal(t, status, res.StatusCode, "%s: %s", path, body)
		require.Contains(t, body, `"error"`)
	}
}

func TestThePageShowsHaltsSplitsAndWhoIsSetAside(t *testing.T) {
	w := newWorld(t, nil)
	v, err := catalog.ParseAliasValue("green-production=1,blue-production=3")
	require.NoError(t, err)
	s := web(v, instanceAt(t, refusing(t), bluePro, "b1"), instanceAt(t, upstream(t, "green").URL, greenPro, "g1"))
	s.Instances[0].Weight = 4
	s.Instances = append(s.Instances, catalog.Instance{
		ID: "g2", Service: "web", Node: "n2", Address: "10.0.0.1", Port: 1, Target: greenPro, Health: catalog.Passing, ZeroWeight: true,
	})
	w.apply(7, s)
	_, _ = w.get("web.blue-production.proxy.example", "/")
	for _, path := range []string{"/v1/services/web", "/v1/services/web/targets/blue-production/instances/n1/b1"} {
		_, body := w.adminGet(path)
		require.Contains(t, body, `"reason": "it refused a connection"`, path)
	}
	w.source.snapshots <- catalog.Snapshot{
		Services: cow.Of(map[string]*catalog.Service{"web": halting(s, pause(time.Minute, 0))}), AliasIndex: 8, Restored: may,
	}
	<-w.source.applied
	_, body := w.adminGet("/")
	for _, want := range []string{
		"the view that was saved at 2026-05-01 10:00:00 UTC",
		"<b>production is paused</b> since 2026-05-01 10:00:00 UTC by ann. 0 requests wait here.",
		`<span class="pill blue">blue-production 75 %</span>`, "clients stay by cookie <code>teal-web</code>",
		"weight 4", "set aside until ", "as it refused a connection", "gets no requests: its weight is 0",
	} {
		require.Contains(t, body, want)
	}
	w.apply(9, halting(s, catalog.Halt{Kind: catalog.HaltMaintenance}))
	_, body = w.adminGet("/")
	require.Contains(t, body, "<b>production is under maintenance</b>. Requests are answered with 503.")
	require.NotContains(t, body, "was saved at")
	_, body = w.adminGet("/readyz")
	require.Contains(t, body, `"restored": false`)
}
