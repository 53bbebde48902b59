package router_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/router"
)

// fakeRoster is the list of the routers.
type fakeRoster []catalog.RouterRecord

func (r fakeRoster) Routers(context.Context) ([]catalog.RouterRecord, error) { return r, nil }

// flipped is the answer to a flip that waits.
type flipped struct {
	Index   uint64
	Applied bool
	Drained *bool
	Old     []string
	Message string
	Notes   []string
	Routers []struct {
		ID       string
		Applied  uint64
		Behind   bool
		InFlight map[string]int `json:"in_flight"`
		Error    string
	}
}

// movingFlipper applies a flip to the router as Consul would.
type movingFlipper struct {
	w       *world
	mu      sync.Mutex
	service *catalog.Service
	hold    bool // flips are not applied
}

func (f *movingFlipper) Service(context.Context, string) (*catalog.Service, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.service, nil
}

func (f *movingFlipper) Flip(_ context.Context, flip catalog.Flip) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	moved := *f.service
	index := flip.From.Index + 1
	moved.Aliases = map[string]catalog.Alias{flip.Alias: {Name: flip.Alias, Value: flip.To, Index: index}}
	record := flip.Record()
	record.Index = index
	moved.Flips = map[string]catalog.FlipRecord{flip.Alias: record}
	f.service = &moved
	if !f.hold {
		f.w.apply(index, f.service)
	}
	return index, nil
}

// waitingWorld is a router whose flips are applied at once, with a slow blue.
func waitingWorld(t *testing.T, roster router.Roster) (w *world, f *movingFlipper, finish func()) {
	t.Helper()
	release := make(chan struct{})
	blue := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
		_, _ = io.WriteString(w, "blue")
	})
	finish = sync.OnceFunc(func() { close(release) })
	t.Cleanup(finish)
	f = &movingFlipper{}
	w = newWorld(t, func(o *router.Options) { o.Flipper, o.Roster = f, roster })
	f.w = w
	f.service = web(catalog.PointTo(bluePro), instanceAt(t, blue.URL, bluePro, "b1"), instanceAt(t, upstream(t, "green").URL, greenPro, "g1"))
	w.apply(7, f.service)
	return w, f, finish
}

// askSlow begins a request that stays at blue, and answers what becomes of it.
func (w *world) askSlow() <-chan string {
	w.t.Helper()
	body := make(chan string, 1)
	req := w.request(http.MethodGet, "web.proxy.example", "/slow", nil)
	go func() {
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			body <- err.Error()
			return
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		body <- string(text)
	}()
	require.Eventually(w.t, func() bool { return w.inFlight("blue-production") > 0 }, 20*time.Second, time.Millisecond)
	return body
}

func (w *world) flip(query, value string) (int, flipped) {
	w.t.Helper()
	status, body := w.put(productionAlias+query, value, nil)
	var answer flipped
	require.NoError(w.t, json.Unmarshal([]byte(body), &answer), body)
	return status, answer
}

func TestAFlipWaitsForTheLastRequest(t *testing.T) {
	w, _, finish := waitingWorld(t, fakeRoster{})
	slow := w.askSlow()
	status, answer := w.flip("?wait=drained&timeout=2s", "green-production")
	require.Equal(t, http.StatusAccepted, status)
	require.Equal(t, uint64(8), answer.Index)
	require.True(t, answer.Applied)
	require.False(t, *answer.Drained)
	require.Equal(t, []string{"blue-production"}, answer.Old)
	require.Equal(t, map[string]int{"blue-production": 1}, answer.Routers[0].InFlight)
	require.Equal(t, "r1", answer.Routers[0].ID, "itself, though it is not in the list")
	require.Contains(t, answer.Message, "The flip happened, but after 2s 1 requests are still under way")

	again := make(chan flipped, 1)
	go func() {
		status, answer := w.flip("?wait=drained", "green-production")
		answer.Index += uint64(status)
		again <- answer
	}()
	select {
	case <-again:
		require.Fail(t, "it must wait for the request")
	case <-time.After(100 * time.Millisecond):
	}
	finish()
	require.Equal(t, "blue", <-slow)
	answer = <-again
	require.Equal(t, uint64(200+8), answer.Index, "the same again waits on, and flips nothing")
	require.True(t, *answer.Drained)
	require.Equal(t, []string{"blue-production"}, answer.Old)
}

func TestAFlipWaitsForRoutersToApplyIt(t *testing.T) {
	w, f, _ := waitingWorld(t, fakeRoster{})
	f.hold = true
	status, answer := w.flip("?wait=applied&timeout=1s", "green-production")
	require.Equal(t, http.StatusAccepted, status)
	require.False(t, answer.Applied)
	require.Nil(t, answer.Drained)
	require.True(t, answer.Routers[0].Behind)
	require.Contains(t, answer.Message, "routers r1 have not applied the flip")
	w.apply(8, f.service)
	status, answer = w.flip("?wait=applied", "green-production")
	require.Equal(t, http.StatusOK, status)
	require.True(t, answer.Applied)
}

func TestAFlipWaitsForTheOthers(t *testing.T) {
	var mu sync.Mutex
	other := `{"in_flight": 4, "applied": 8, "routed": 1}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(w, other)
	}))
	t.Cleanup(server.Close)
	starting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(other, `"in_flight": 4`) {
			w.WriteHeader(http.StatusServiceUnavailable) // it has read nothing yet
		}
		_, _ = io.WriteString(w, other)
	}))
	t.Cleanup(starting.Close)
	w, _, _ := waitingWorld(t, fakeRoster{{ID: "r2", Admin: server.URL, Applied: 8}, {ID: "r3", Admin: starting.URL}})
	status, answer := w.flip("?wait=drained&timeout=3s", "green-production")
	require.Equal(t, http.StatusAccepted, status)
	require.False(t, answer.Applied, "r3 does not tell")
	require.Len(t, answer.Routers, 3)
	require.Equal(t, map[string]int{"blue-production": 4}, answer.Routers[1].InFlight)
	require.True(t, answer.Routers[2].Behind)
	require.NotEmpty(t, answer.Routers[2].Error)
	require.Contains(t, answer.Notes[0], "router r3 does not tell whether it knows the instances")

	mu.Lock()
	other = `{"in_flight": 0, "applied": 8, "routed": 1}`
	mu.Unlock()
	status, answer = w.flip("?wait=drained", "green-production")
	require.Equal(t, http.StatusOK, status, answer.Message)
	require.True(t, *answer.Drained)
}

func TestAFlipSaysThatItsTargetIsStillLive(t *testing.T) {
	w, f, _ := waitingWorld(t, fakeRoster{})
	f.hold = true // the router learns below
	done := make(chan flipped, 1)
	go func() {
		_, answer := w.flip("?wait=drained", "green-production")
		done <- answer
	}()
	require.Eventually(t, func() bool { s, _ := f.Service(t.Context(), "web"); return s.Aliases["production"].Index == 8 }, 20*time.Second, time.Millisecond)
	back := web(catalog.PointTo(bluePro), f.service.Instances...)
	back.Aliases["production"] = catalog.Alias{Name: "production", Value: catalog.PointTo(bluePro), Index: 9}
	f.mu.Lock()
	f.service = back
	f.mu.Unlock()
	w.apply(9, back)
	answer := <-done
	require.False(t, *answer.Drained)
	require.Contains(t, answer.Message, "blue-production gets requests again or still: alias production points at blue-production")
}

func TestWaitingIsCheckedBeforeTheFlip(t *testing.T) {
	w, f, _ := waitingWorld(t, fakeRoster{})
	for query, says := range map[string]string{
		"?wait=forever": "applied or drained", "?timeout=3s": "wait is missing", "?wait=drained&timeout=x": "a duration such as",
		"?wait=drained&timeout=-1s": "a duration such as", "?wait=drained&timeout=24h": "up to 10m0s",
	} {
		status, body := w.put(productionAlias+query, "green-production", nil)
		require.Equal(t, http.StatusBadRequest, status, query)
		require.Contains(t, body, says)
	}
	require.Equal(t, catalog.PointTo(bluePro), f.service.Aliases["production"].Value)

	alone, _, _ := waitingWorld(t, nil)
	status, body := alone.put(productionAlias+"?wait=drained", "green-production", nil)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "does not know the others")
}

func TestAFlipThatChangesNothingIsDoneAtOnce(t *testing.T) {
	w, f, _ := waitingWorld(t, fakeRoster{})
	status, answer := w.flip("?wait=drained", "blue-production")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, uint64(7), answer.Index)
	require.Equal(t, []string{"green-production"}, answer.Old, "nobody noted what the alias pointed at before")
	require.Empty(t, f.service.Flips, "nothing was written")
}
