package router_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// http2Upstream is an instance that echoes over HTTP/2 without TLS.
func http2Upstream(t *testing.T) (i catalog.Instance, shutdown func()) {
	t.Helper()
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Millisecond)
		_, _ = io.Copy(w, r.Body)
	}))
	up.Config.Protocols = new(http.Protocols)
	up.Config.Protocols.SetUnencryptedHTTP2(true)
	up.Start()
	t.Cleanup(up.Close)
	i = instanceAt(t, up.URL, bluePro, "b")
	i.Protocol = catalog.ProtocolH2C
	return i, func() { _ = up.Config.Shutdown(context.WithoutCancel(t.Context())) }
}

// TestInstancesThatEndPolitelyLoseNothing replaces instances that are in use. Each
// finishes what it has begun, and refuses the streams that come after its GOAWAY
// (RFC 9113, section 6.8), of which the bodies are on their way already.
func TestInstancesThatEndPolitelyLoseNothing(t *testing.T) {
	w := newWorld(t, nil)
	i, shutdown := http2Upstream(t)
	w.apply(7, web(catalog.PointTo(bluePro), i))
	ctx, stop := context.WithCancel(t.Context())
	var clients, ending sync.WaitGroup
	var served atomic.Int64
	for range 16 {
		clients.Go(func() {
			for ctx.Err() == nil {
				res, err := http.DefaultTransport.RoundTrip(w.request(http.MethodPost, "web.proxy.example", "/", strings.NewReader("hello")))
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if string(body) != "hello" {
					t.Errorf("%d: %s", res.StatusCode, body)
				}
				served.Add(1)
			}
		})
	}
	for range 10 {
		before := served.Load()
		require.Eventually(t, func() bool { return served.Load() > before+32 }, 10*time.Second, time.Millisecond)
		old := shutdown
		i, shutdown = http2Upstream(t)
		w.apply(8, web(catalog.PointTo(bluePro), i))
		ending.Go(old)
	}
	stop()
	clients.Wait()
	ending.Wait()
}

// TestBodiesOfAnySizeGoToWhoTakesThem meets an instance that refuses connections
// first: nothing of the body was read, so that its length is nothing.
func TestBodiesOfAnySizeGoToWhoTakesThem(t *testing.T) {
	for _, size := range []int{1, 16 << 10, 16<<10 + 1, 1 << 20} {
		w := newWorld(t, nil)
		up := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		})
		w.apply(7, configured(catalog.Traffic{Balance: catalog.RoundRobin},
			instanceAt(t, up.URL, bluePro, "good"), instanceAt(t, refusing(t), bluePro, "bad")))
		body := bytes.Repeat([]byte("x"), size)
		for range 2 {
			res, got := w.do(w.request(http.MethodPost, "web.proxy.example", "/", bytes.NewReader(body)))
			require.Equal(t, http.StatusOK, res.StatusCode, got[:min(len(got), 100)])
			require.Equal(t, len(body), len(got))
		}
	}
}
