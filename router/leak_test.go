package router_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// TestNothingIsLeftBehind flips, pauses, limits and breaks a service under clients
// of which some go away: those who stay are all served, and at the end nothing is
// counted in flight and no turn is lost.
func TestNothingIsLeftBehind(t *testing.T) {
	w := newWorld(t, nil)
	answer := func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
		_, _ = io.Copy(w, r.Body)
	}
	blue, green := serveUpstream(t, answer), serveUpstream(t, answer)
	gone := refusing(t)
	value := func(v string) catalog.AliasValue {
		out, err := catalog.ParseAliasValue(v)
		require.NoError(t, err)
		return out
	}
	version := func(v string, limit int) *catalog.Service {
		s := web(value(v), instanceAt(t, blue.URL, bluePro, "b"), instanceAt(t, green.URL, greenPro, "g"),
			instanceAt(t, gone, greenPro, "gone"), instanceAt(t, gone, bluePro, "gone"))
		s.Config.Traffic = catalog.Traffic{MaxInFlight: limit, MaxQueue: 10_000, QueueMS: 60_000, Retry: &catalog.Retry{BudgetPercent: 100}}
		return s
	}
	versions := []*catalog.Service{
		version("blue-production", 4), version("green-production", 0), version("green-production=1,blue-production=1", 2),
		halting(version("blue-production", 3), pause(time.Minute, 0)), halting(version("green-production", 0), pause(time.Minute, 0)),
	}
	w.apply(1, versions[0])
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	var served atomic.Int64
	for range 40 {
		clients.Go(func() {
			for ctx.Err() == nil {
				impatient := rand.IntN(4) == 0
				mine, leave := context.WithCancel(t.Context())
				if impatient {
					time.AfterFunc(time.Duration(rand.IntN(2000))*time.Microsecond, leave)
				}
				method, body := http.MethodGet, io.Reader(nil)
				if rand.IntN(2) == 0 {
					method, body = http.MethodPost, strings.NewReader("hello")
				}
				r := w.request(method, "web.proxy.example", "/", body).WithContext(mine)
				res, err := http.DefaultTransport.RoundTrip(r)
				if err == nil {
					text, _ := io.ReadAll(res.Body)
					_ = res.Body.Close()
					if !impatient && res.StatusCode != http.StatusOK {
						t.Errorf("%d: %s", res.StatusCode, text)
					}
					served.Add(1)
				} else if !impatient {
					t.Error(err)
				}
				leave()
			}
		})
	}
	for n := range 200 {
		time.Sleep(5 * time.Millisecond)
		w.apply(uint64(n+2), versions[rand.IntN(len(versions))])
	}
	w.apply(1000, versions[0])
	stop()
	clients.Wait()
	require.Greater(t, served.Load(), int64(100))
	require.Eventually(t, func() bool {
		return w.router.InFlight() == 0 && w.aliasState("production").InFlight == 0
	}, 10*time.Second, 5*time.Millisecond)
	_, body := w.adminGet("/v1/explain?url=http://web.proxy.example/")
	require.Contains(t, body, "0 of at most 4 requests under way, 0 of at most 10000 waiting")
}
