package router_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// TestConnectionsToInstancesAreKept sends two waves of requests at once: the
// second one needs hardly any new connection.
func TestConnectionsToInstancesAreKept(t *testing.T) {
	const wave = 200
	var opened atomic.Int64
	var together sync.WaitGroup
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		together.Done()
		together.Wait() // all of a wave are under way at once
	}))
	up.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	up.Start()
	t.Cleanup(up.Close)
	w := newWorld(t, nil)
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b1")))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: wave}}
	t.Cleanup(client.CloseIdleConnections)
	for range 2 {
		together.Add(wave)
		var clients sync.WaitGroup
		for range wave {
			clients.Go(func() {
				res, err := client.Do(w.request(http.MethodGet, "web.proxy.example", "/", nil))
				if err == nil {
					_ = res.Body.Close()
				}
			})
		}
		clients.Wait()
	}
	require.Less(t, opened.Load(), int64(wave+wave/4))
}
