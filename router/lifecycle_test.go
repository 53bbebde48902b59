package router_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/router"
)

// whole is a router that a Lifecycle runs.
type whole struct {
	*world
	beside atomic.Bool // what keeps the record alive is running
	stop   context.CancelFunc
	done   chan error
	client *http.Client
	addr   string // of the proxy
	admin  string // URL
}

func startWhole(t *testing.T, delay time.Duration, services ...*catalog.Service) *whole {
	t.Helper()
	return startWholeWith(t, func(l *router.Lifecycle) { l.ShutdownDelay = delay }, services...)
}

func startWholeWith(t *testing.T, change func(*router.Lifecycle), services ...*catalog.Service) *whole {
	t.Helper()
	source := &fakeSource{snapshots: make(chan catalog.Snapshot), applied: make(chan struct{})}
	r, err := router.New(router.Options{ID: "r1", Domain: "proxy.example", Source: source})
	require.NoError(t, err)
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	admin, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	w := &whole{
		world: &world{t: t, router: r, source: source}, stop: stop, done: make(chan error, 1),
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second},
		addr:   proxy.Addr().String(), admin: "http://" + admin.Addr().String(),
	}
	life := &router.Lifecycle{
		Router: r, Proxy: proxy, Admin: admin, Logger: hclog.NewNullLogger(), Grace: 8 * time.Second,
		Beside: func(ctx context.Context) error {
			w.beside.Store(true)
			defer w.beside.Store(false)
			<-ctx.Done()
			return nil
		},
	}
	change(life)
	go func() { w.done <- life.Run(ctx) }()
	t.Cleanup(stop)
	w.apply(7, services...)
	require.Eventually(t, w.beside.Load, 20*time.Second, time.Millisecond)
	return w
}

// ask is a GET's status and body; 0 and the error when there is no answer.
func (w *whole) ask(url, host string) (int, string) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Host = host
	res, err := w.client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(body)
}

func (w *whole) web() string {
	status, body := w.ask("http://"+w.addr+"/", "web.proxy.example")
	return fmt.Sprint(status, " ", body)
}

func (w *whole) ready() int {
	status, _ := w.ask(w.admin+"/readyz", "admin")
	return status
}

func TestARouterThatEndsIsSeenUntilItsLastRequestHasEnded(t *testing.T) {
	t.Parallel()
	arrived, finish := make(chan struct{}), make(chan struct{})
	end := sync.OnceFunc(func() { close(finish) })
	var calls atomic.Int64
	up := serveUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			close(arrived)
			<-finish
		}
		_, _ = io.WriteString(w, "done")
	})
	t.Cleanup(end)
	w := startWhole(t, 3*time.Second, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b1")))
	require.Equal(t, 200, w.ready())
	slow := make(chan string, 1)
	go func() { slow <- w.web() }()
	<-arrived

	w.stop()
	require.Eventually(t, func() bool { return w.ready() == http.StatusServiceUnavailable }, 20*time.Second, time.Millisecond)
	require.Equal(t, "200 done", w.web(), "who has not noticed yet is still served")
	require.Eventually(t, func() bool { return w.web()[:1] == "0" }, 20*time.Second, time.Millisecond, "then nobody new is let in")

	for range 20 {
		status, body := w.ask(w.admin+"/v1/services/web/targets/blue-production", "admin")
		require.Equal(t, 200, status, body)
		require.Contains(t, body, `"in_flight": 1`)
		require.Equal(t, http.StatusServiceUnavailable, w.ready())
		require.True(t, w.beside.Load(), "its record stays")
		w.apply(8, web(catalog.PointTo(greenPro))) // it still follows the catalogue
		time.Sleep(2 * time.Millisecond)
	}
	require.Empty(t, w.done)
	end()
	require.Equal(t, "200 done", <-slow)
	require.NoError(t, <-w.done)
	require.False(t, w.beside.Load())
	require.Zero(t, w.ready(), "nothing answers any more")
}

func TestARouterThatEndsCutsWebSockets(t *testing.T) {
	w := startWhole(t, 0, web(catalog.PointTo(bluePro), instanceAt(t, serveUpstream(t, echoUpgrade).URL, bluePro, "b1")))
	conn, err := net.Dial("tcp", w.addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: web.proxy.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return w.router.InFlight() == 1 }, 20*time.Second, time.Millisecond)
	w.stop()
	require.NoError(t, <-w.done)
	require.Zero(t, w.router.InFlight())
	_, err = io.ReadAll(conn)
	require.NoError(t, err, "the client was told by the end of the connection")
}

func TestARouterThatEndsWaitsForWhatItCut(t *testing.T) {
	w := startWhole(t, 0, web(catalog.PointTo(bluePro), instanceAt(t, refusing(t), bluePro, "b1")))
	var cut router.Claim // of a connection that is no HTTP any more
	require.Nil(t, w.router.Claim(t.Context(), &cut, router.Ask{Host: "web.proxy.example", Path: "/"}))
	w.stop()
	time.Sleep(50 * time.Millisecond) // long enough for everything else to end
	require.True(t, w.beside.Load())
	require.Empty(t, w.done)
	cut.Release(router.Class1xx)
	require.NoError(t, <-w.done)
}

func TestALifecycleEndsWhenAPartFails(t *testing.T) {
	r, err := router.New(router.Options{Source: brokenSource{}})
	require.NoError(t, err)
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	admin, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	life := &router.Lifecycle{Router: r, Proxy: proxy, Admin: admin, ShutdownDelay: time.Hour, Logger: hclog.NewNullLogger()}
	require.ErrorContains(t, life.Run(t.Context()), "no such host")
}

type brokenSource struct{}

func (brokenSource) Watch(context.Context, func(catalog.Snapshot)) error {
	return fmt.Errorf("no such host")
}
