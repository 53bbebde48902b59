package router_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
	"teal/router"
)

var (
	bluePro  = catalog.Target{Colour: catalog.Blue, Environment: "production"}
	greenPro = catalog.Target{Colour: catalog.Green, Environment: "production"}
	integ    = catalog.Target{Environment: "integration"}
)

// fakeSource hands on what a test sends it.
type fakeSource struct {
	snapshots chan catalog.Snapshot
	applied   chan struct{}
}

func (s *fakeSource) Watch(ctx context.Context, apply func(catalog.Snapshot)) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case snapshot := <-s.snapshots:
			apply(snapshot)
			s.applied <- struct{}{}
		}
	}
}

// world is a running router with its two listeners.
type world struct {
	t      *testing.T
	router *router.Router
	source *fakeSource
	proxy  *httptest.Server
	admin  *httptest.Server
}

func newWorld(t *testing.T, change func(*router.Options)) *world {
	t.Helper()
	source := &fakeSource{snapshots: make(chan catalog.Snapshot), applied: make(chan struct{})}
	opt := router.Options{ID: "r1", Domain: "proxy.example", ProxyAddr: "proxy.example:8080", AdminURL: "http://admin.example:8081", Source: source}
	if change != nil {
		change(&opt)
	}
	r, err := router.New(opt)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	w := &world{t: t, router: r, source: source, proxy: httptest.NewServer(r.Handler()), admin: httptest.NewServer(r.Admin())}
	t.Cleanup(func() {
		w.proxy.Close()
		w.admin.Close()
		cancel()
		require.NoError(t, <-done)
	})
	return w
}

// apply makes services the whole truth.
func (w *world) apply(index uint64, services ...*catalog.Service) {
	w.t.Helper()
	edit := cow.Map[*catalog.Service]{}.Edit()
	for _, service := range services {
		edit.Set(service.Name, service)
	}
	s := catalog.Snapshot{AliasIndex: index, Services: edit.Done()}
	select {
	case w.source.snapshots <- s:
		<-w.source.applied
	case <-time.After(within):
		require.Fail(w.t, "the router does not follow its source any more")
	}
}

// request is one to the proxy, with a Host header.
func (w *world) request(method, host, path string, body io.Reader) *http.Request {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.proxy.URL+path, body)
	require.NoError(w.t, err)
	req.Host = host
	return req
}

// do sends a request, following nothing, and reads the answer.
func (w *world) do(req *http.Request) (*http.Response, string) {
	w.t.Helper()
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return res, string(body)
}

func (w *world) get(host, path string) (*http.Response, string) {
	w.t.Helper()
	return w.do(w.request(http.MethodGet, host, path, nil))
}

func (w *world) adminGet(path string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.admin.URL+path, nil)
	require.NoError(w.t, err)
	return w.do(req)
}

// upstream is a service's instance that answers with its own name.
func upstream(t *testing.T, name string) *httptest.Server {
	t.Helper()
	return serveUpstream(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
}

func serveUpstream(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// refusing is an address where nobody listens, and nobody can: it is taken by a
// socket that does not.
func refusing(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	bound, err := syscall.Getsockname(fd)
	require.NoError(t, err)
	return fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
}

// freePort is a port that a test may open. It is none that the kernel gives to
// who asks for any, so that nobody is likely to take it meanwhile.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		port := 10_000 + rand.IntN(20_000)
		if l, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
}

func instanceAt(t testing.TB, address string, target catalog.Target, id string) catalog.Instance {
	t.Helper()
	host, port, err := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	return catalog.Instance{ID: id, Service: "web", Node: "n1", Address: host, Port: n, Target: target, Health: catalog.Passing}
}

// web is a service whose production alias has a value.
func web(value catalog.AliasValue, instances ...catalog.Instance) *catalog.Service {
	return &catalog.Service{
		Name: "web", Instances: instances,
		Aliases: map[string]catalog.Alias{"production": {Name: "production", Value: value, Index: 7}},
	}
}

// inFlight is what the admin API says of a target of web.
func (w *world) inFlight(target string) int64 {
	w.t.Helper()
	res, body := w.adminGet("/v1/services/web/targets/" + target)
	require.Equal(w.t, http.StatusOK, res.StatusCode, body)
	return jsonInFlight(w.t, body)
}

func jsonInFlight(t *testing.T, body string) int64 {
	t.Helper()
	var status struct {
		InFlight int64 `json:"in_flight"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &status))
	return status.InFlight
}
