package router_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// TestNoRequestFailsBecauseOfAFlip does what a deployment does, again and again:
// a new instance in the other colour, a flip, a drain, and the old one is gone.
func TestNoRequestFailsBecauseOfAFlip(t *testing.T) {
	w := newWorld(t, nil)
	live := bluePro
	old := upstream(t, "0")
	w.apply(0, web(catalog.PointTo(live), instanceAt(t, old.URL, live, "i0")))
	var stop atomic.Bool
	var clients sync.WaitGroup
	failures := make(chan string, 1000)
	for range 8 {
		clients.Go(func() {
			for !stop.Load() && len(failures) < 900 {
				res, body := w.get("web.proxy.example", "/")
				if res.StatusCode != http.StatusOK {
					failures <- fmt.Sprint(res.StatusCode, " ", body)
				}
			}
		})
	}
	for n := 1; n <= 40; n++ {
		from := live
		live = catalog.Target{Colour: live.Colour.Other(), Environment: "production"}
		fresh := upstream(t, fmt.Sprint(n))
		w.apply(uint64(n), web(catalog.PointTo(live), instanceAt(t, fresh.URL, live, fmt.Sprint("i", n))))
		require.Eventually(t, func() bool { return w.inFlight(from.String()) == 0 }, 20*time.Second, time.Millisecond)
		old.CloseClientConnections()
		old.Close()
		old = fresh
	}
	stop.Store(true)
	clients.Wait()
	close(failures)
	for f := range failures {
		t.Error(f)
	}
}
