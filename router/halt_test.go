package router_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/router"
)

// halting is s with its production alias halted.
func halting(s *catalog.Service, h catalog.Halt) *catalog.Service {
	out := *s
	out.Halts = map[string]catalog.Halt{"production": h}
	return &out
}

func pause(maxWait time.Duration, maxQueue int) catalog.Halt {
	return catalog.Halt{Kind: catalog.HaltPause, MaxWaitMS: maxWait.Milliseconds(), MaxQueue: maxQueue, By: "ann", At: may}
}

// aliasState is what the admin API says of an alias of web.
func (w *world) aliasState(alias string) router.AliasState {
	w.t.Helper()
	state, err := router.AliasOf(w.t.Context(), catalog.RouterRecord{Admin: w.admin.URL}, "web", alias)
	require.NoError(w.t, err)
	return state
}

func (w *world) awaitWaiting(n int) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.aliasState("production").Waiting == n }, within, time.Millisecond)
}

// reply is how a request of many ended.
type reply struct {
	status int
	body   string
	err    error
}

// send sends a request in the background.
func (w *world) send(host, path string) <-chan reply {
	w.t.Helper()
	req, got := w.request(http.MethodGet, host, path, nil), make(chan reply, 1)
	go func() {
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			got <- reply{err: err}
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		got <- reply{res.StatusCode, string(body), err}
	}()
	return got
}

func TestAPauseHoldsEverybodyAndLetsThemGo(t *testing.T) {
	w := newWorld(t, nil)
	var met atomic.Int64
	up := serveUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		met.Add(1)
		_, _ = io.WriteString(w, "blue")
	})
	s := web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b"))
	w.apply(7, halting(s, pause(time.Minute, 0)))
	const many = 60
	var replies []<-chan reply
	for n := range many {
		replies = append(replies, w.send("web.proxy.example", fmt.Sprintf("/%d", n)))
	}
	w.awaitWaiting(many)
	require.Zero(t, met.Load(), "nobody got through")
	state := w.aliasState("production")
	require.Equal(t, router.AliasState{Halt: catalog.HaltPause, Waiting: many}, state, "who is held is not in flight")
	require.Zero(t, w.inFlight("blue-production"))
	w.apply(8, s)
	for _, r := range replies {
		got := <-r
		require.NoError(t, got.err)
		require.Equal(t, reply{status: 200, body: "blue"}, got)
	}
	require.Equal(t, int64(many), met.Load())
	require.Equal(t, router.AliasState{}, w.aliasState("production"))
}

func TestATargetByItsNameIsNotPaused(t *testing.T) {
	w := newWorld(t, nil)
	s := web(catalog.PointTo(bluePro), instanceAt(t, upstream(t, "blue").URL, bluePro, "b"))
	s.Config.Routes = []catalog.Route{{Host: "shop.example"}}
	w.apply(7, halting(s, pause(20*time.Millisecond, 0)))
	_, body := w.get("web.blue-production.proxy.example", "/")
	require.Equal(t, "blue", body, "whoever migrates can look at it")
	for _, host := range []string{"web.proxy.example", "web.production.proxy.example", "shop.example"} {
		res, body := w.get(host, "/")
		require.Equal(t, 503, res.StatusCode, host)
		require.Equal(t, router.CodePaused, res.Header.Get("X-Teal-Error"))
		require.Equal(t, "1", res.Header.Get("Retry-After"))
		require.Contains(t, body, "did not resume within 20ms")
	}
}

func TestAFullQueueTurnsTheRestAway(t *testing.T) {
	w := newWorld(t, nil)
	s := web(catalog.PointTo(bluePro), instanceAt(t, upstream(t, "blue").URL, bluePro, "b"))
	w.apply(7, halting(s, pause(time.Minute, 2)))
	first, second := w.send("web.proxy.example", "/"), w.send("web.proxy.example", "/")
	w.awaitWaiting(2)
	res, body := w.get("web.proxy.example", "/")
	require.Equal(t, 503, res.StatusCode)
	require.Equal(t, router.CodePaused, res.Header.Get("X-Teal-Error"))
	require.Equal(t, "1", res.Header.Get("Retry-After"))
	require.Contains(t, body, "too many requests are waiting already")
	w.apply(8, s)
	require.Equal(t, 200, (<-first).status)
	require.Equal(t, 200, (<-second).status)
}

func TestAClientMayLeaveWhileItIsHeld(t *testing.T) {
	w := newWorld(t, nil)
	var met atomic.Int64
	up := serveUpstream(t, func(http.ResponseWriter, *http.Request) { met.Add(1) })
	s := web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b"))
	w.apply(7, halting(s, pause(time.Minute, 0)))
	ctx, leave := context.WithCancel(t.Context())
	var gone sync.WaitGroup
	gone.Go(func() {
		res, err := http.DefaultTransport.RoundTrip(w.request(http.MethodGet, "web.proxy.example", "/", nil).WithContext(ctx))
		if err == nil {
			_ = res.Body.Close()
		}
	})
	w.awaitWaiting(1)
	leave()
	gone.Wait()
	w.awaitWaiting(0)
	w.apply(8, s)
	_, _ = w.get("web.proxy.example", "/")
	require.Equal(t, int64(1), met.Load(), "nothing is sent for somebody who has left")
}

func TestAFlipDuringAPauseTakesEverybodyAlong(t *testing.T) {
	w := newWorld(t, nil)
	both := []catalog.Instance{
		instanceAt(t, upstream(t, "blue").URL, bluePro, "b"), instanceAt(t, upstream(t, "green").URL, greenPro, "g"),
	}
	w.apply(7, halting(web(catalog.PointTo(bluePro), both...), pause(time.Minute, 0)))
	var replies []<-chan reply
	for range 20 {
		replies = append(replies, w.send("web.proxy.example", "/"))
	}
	w.awaitWaiting(20)
	w.apply(8, halting(web(catalog.PointTo(greenPro), both...), pause(time.Minute, 0)))
	w.apply(9, halting(web(catalog.PointTo(greenPro), both[1]), pause(2*time.Minute, 0)))
	require.Equal(t, 20, w.aliasState("production").Waiting, "a table that is swapped lets nobody go")
	w.apply(10, web(catalog.PointTo(greenPro), both...))
	for _, r := range replies {
		require.Equal(t, reply{status: 200, body: "green"}, <-r)
	}
}

func TestAPauseThatBecomesMaintenanceEndsTheWait(t *testing.T) {
	w := newWorld(t, nil)
	s := web(catalog.PointTo(bluePro), instanceAt(t, upstream(t, "blue").URL, bluePro, "b"))
	w.apply(7, halting(s, pause(time.Minute, 0)))
	held := w.send("web.proxy.example", "/")
	w.awaitWaiting(1)
	w.apply(8, halting(s, catalog.Halt{Kind: catalog.HaltMaintenance}))
	got := <-held
	require.Equal(t, 503, got.status)
	require.Contains(t, got.body, "under maintenance")
	w.apply(9, s)
	_, body := w.get("web.proxy.example", "/")
	require.Equal(t, "blue", body)
}

func TestMaintenanceShowsTheServicesPage(t *testing.T) {
	w := newWorld(t, nil)
	s := web(catalog.PointTo(bluePro), instanceAt(t, upstream(t, "blue").URL, bluePro, "b"))
	maintenance := catalog.Halt{Kind: catalog.HaltMaintenance, By: "ann", At: may}
	ask := func(accept string) (*http.Response, string) {
		req := w.request(http.MethodGet, "web.proxy.example", "/", nil)
		req.Header.Set("Accept", accept)
		return w.do(req)
	}
	w.apply(7, halting(s, maintenance))
	res, body := ask("text/html")
	require.Equal(t, "text/plain; charset=utf-8", res.Header.Get("Content-Type"), "without a page of its own")
	require.Contains(t, body, "web is under maintenance")

	s.Config.MaintenancePage = "<h1>Back at ten</h1>"
	w.apply(8, halting(s, maintenance))
	res, body = ask("text/html,application/xhtml+xml,*/*;q=0.8")
	require.Equal(t, 503, res.StatusCode)
	require.Equal(t, router.CodeMaintenance, res.Header.Get("X-Teal-Error"))
	require.NotEmpty(t, res.Header.Get("Retry-After"))
	require.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
	require.Equal(t, "<h1>Back at ten</h1>", body)
	res, body = ask("application/json")
	require.Equal(t, 503, res.StatusCode)
	var said struct{ Error, Service, Alias string }
	require.NoError(t, json.Unmarshal([]byte(body), &said), body)
	require.Equal(t, "maintenance web production", said.Error+" "+said.Service+" "+said.Alias)
	require.NotContains(t, body, "Back at ten")
	require.Equal(t, catalog.HaltMaintenance, w.aliasState("production").Halt)
}

func TestOnlyWhatComesThroughThePausedAliasIsWaitedFor(t *testing.T) {
	w := newWorld(t, nil)
	url, arrived, letGo := holding(t)
	s := web(catalog.PointTo(bluePro), instanceAt(t, url, bluePro, "b"), instanceAt(t, url, greenPro, "g"))
	s.Aliases["beta"] = catalog.Alias{Name: "beta", Value: catalog.PointTo(bluePro)}
	s.Config.Routes = []catalog.Route{{Host: "shop.example"}}
	s.Config.Preview = []catalog.PreviewRule{{Target: greenPro, Header: "X-Beta"}}
	w.apply(7, s)
	var replies []<-chan reply
	for _, host := range []string{"web.beta.proxy.example", "web.blue-production.proxy.example", "shop.example"} {
		replies = append(replies, w.send(host, "/"))
		<-arrived
	}
	previewed := w.request(http.MethodGet, "web.proxy.example", "/", nil)
	previewed.Header.Set("X-Beta", "1")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if res, err := http.DefaultTransport.RoundTrip(previewed); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-arrived
	require.Equal(t, int64(2), w.aliasState("production").InFlight, "by a declared route, and to the target of a preview")
	require.Equal(t, int64(1), w.aliasState("beta").InFlight)
	w.apply(8, halting(s, pause(time.Minute, 0)))
	require.Equal(t, router.AliasState{Halt: catalog.HaltPause, InFlight: 2}, w.aliasState("production"))
	letGo()
	for _, r := range replies {
		require.Equal(t, 200, (<-r).status)
	}
	<-done
	require.Eventually(t, func() bool { return w.aliasState("production").InFlight == 0 }, 20*time.Second, time.Millisecond)
}

func TestWhatIsUnderWayBeforeAPauseIsTriedAgain(t *testing.T) {
	w := newWorld(t, nil)
	bad, letBreak := breakingLate(t)
	good := upstream(t, "good")
	s := configured(catalog.Traffic{Balance: catalog.RoundRobin}, instanceAt(t, bad, bluePro, "bad"))
	w.apply(7, s)
	held := w.send("web.proxy.example", "/")
	require.Eventually(t, func() bool { return w.aliasState("production").InFlight == 1 }, 20*time.Second, time.Millisecond)
	more := configured(catalog.Traffic{Balance: catalog.RoundRobin}, instanceAt(t, bad, bluePro, "bad"), instanceAt(t, good.URL, bluePro, "good"))
	w.apply(8, halting(more, pause(time.Minute, 0)))
	letBreak()
	require.Equal(t, reply{status: 200, body: "good"}, <-held, "it does not wait for a pause that waits for it")
	require.Eventually(t, func() bool { return w.aliasState("production").InFlight == 0 }, 20*time.Second, time.Millisecond)
}

func TestAHaltOfNothingIsAProblem(t *testing.T) {
	w := newWorld(t, nil)
	s := web(catalog.PointTo(bluePro), instanceAt(t, upstream(t, "blue").URL, bluePro, "b"))
	s.Halts = map[string]catalog.Halt{"beta": {Kind: catalog.HaltPause}}
	w.apply(7, s)
	_, body := w.adminGet("/v1/problems")
	require.Contains(t, body, "alias beta is halted (pause), but web has no such alias")
	_, body = w.get("web.proxy.example", "/")
	require.Equal(t, "blue", body)
}

// breakingLate is an instance that breaks connections off when it is told to.
func breakingLate(t *testing.T) (address string, letBreak func()) {
	t.Helper()
	told := make(chan struct{})
	up := serveUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		<-told
		panic(http.ErrAbortHandler)
	})
	letBreak = sync.OnceFunc(func() { close(told) })
	t.Cleanup(letBreak)
	return strings.TrimPrefix(up.URL, "http://"), letBreak
}
