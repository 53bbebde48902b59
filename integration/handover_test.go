//go:build integration

package integration

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul/consultest"
)

// echo is a service with one instance, in this process, that answers with what
// it was sent.
const echo = "teal-test-echo"

// newEcho is a world without Docker: a Consul in which echo is live.
func newEcho(t *testing.T, options ...consultest.Option) *world {
	t.Helper()
	w := &world{consul: consultest.Start(t, options...), proxy: freeAddr(t), admin: freeAddr(t)}
	instance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * time.Millisecond) // so that some are always under way
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(instance.Close)
	host, text, err := net.SplitHostPort(strings.TrimPrefix(instance.URL, "http://"))
	require.NoError(t, err)
	port, err := strconv.Atoi(text)
	require.NoError(t, err)
	require.NoError(t, w.consul.Client().Agent().ServiceRegister(&api.AgentServiceRegistration{
		Name: echo, Address: host, Port: port, Tags: []string{production, "blue"},
	}))
	w.put(t, catalog.NewKeys("").Alias(echo, production), "blue-production")
	return w
}

// post is one request that must not be sent twice, so that the client does not
// try again by itself.
func (w *world) post(client *http.Client, body string) error {
	req, err := http.NewRequest(http.MethodPost, "http://"+w.proxy+"/", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Host = echo + ".localhost"
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || string(got) != body {
		return fmt.Errorf("answered %s, %q, %w", resp.Status, got, err)
	}
	return nil
}

// posting is load that counts.
type posting struct {
	sent atomic.Int64
	mu   sync.Mutex
	errs []error
}

// keepPosting has clients that keep their connections, and as many that open one
// for each request, post until stop is called.
func (w *world) keepPosting(t *testing.T) (p *posting, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p = &posting{}
	var clients sync.WaitGroup
	for n := range 8 {
		client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: n%2 == 0}}
		clients.Go(func() {
			for ctx.Err() == nil {
				if err := w.post(client, fmt.Sprint(n, " ", p.sent.Add(1))); err != nil {
					p.mu.Lock()
					p.errs = append(p.errs, err)
					p.mu.Unlock()
				}
				time.Sleep(2 * time.Millisecond)
			}
			client.CloseIdleConnections()
		})
	}
	stop = func() { cancel(); clients.Wait() }
	t.Cleanup(stop)
	return p, stop
}

// TestRouterRestartsWithoutAGap starts a router beside the one that runs, several
// times under load: each time the old one ends by itself, and no request fails.
func TestRouterRestartsWithoutAGap(t *testing.T) {
	w := newEcho(t)
	socket := filepath.Join(t.TempDir(), "router.sock")
	begin := func() *daemon {
		return w.start(t, "TEAL_SHUTDOWN_DELAY=5s", "router", "--listen", w.proxy, "--admin", w.admin, "--domain", "localhost", "--handover", socket, "--id", "r")
	}
	old := begin()
	w.awaitRouter(t)
	require.Eventually(t, func() bool { _, err := os.Stat(socket); return err == nil }, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool { return w.post(http.DefaultClient, "x") == nil }, patience, 10*time.Millisecond)
	load, stop := w.keepPosting(t)
	for n := range 8 {
		http.DefaultClient.CloseIdleConnections() // those that are kept unused are waited for
		before := load.sent.Load()
		require.Eventually(t, func() bool { return load.sent.Load() > before+200 }, patience, time.Millisecond)
		next := begin()
		select {
		case err := <-old.done:
			require.NoError(t, err, "restart %d", n)
			old.done <- err
		case <-time.After(patience):
			require.Fail(t, "the old router does not end", "restart %d", n)
		}
		status, _ := w.get(t, echo+".localhost", "/")
		require.Equal(t, http.StatusOK, status)
		old = next
	}
	stop()
	t.Logf("%d requests, %d failed", load.sent.Load(), len(load.errs))
	require.Empty(t, load.errs)
	require.Eventually(t, func() bool {
		keys, _, err := w.consul.Client().KV().Keys(catalog.NewKeys("").Routers(), "", nil)
		return err == nil && len(keys) == 1
	}, patience, 20*time.Millisecond, "only the last one is in the fleet")
}

// TestRouterGoesOnWhenItsSuccessorFails has a newcomer that never gets ready.
func TestRouterGoesOnWhenItsSuccessorFails(t *testing.T) {
	w := newEcho(t)
	socket := filepath.Join(t.TempDir(), "router.sock")
	args := []string{"router", "--listen", w.proxy, "--admin", w.admin, "--domain", "localhost", "--handover", socket}
	old := w.start(t, "", args...)
	w.awaitRouter(t)
	require.Eventually(t, func() bool { return w.post(http.DefaultClient, "x") == nil }, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool { _, err := os.Stat(socket); return err == nil }, patience, 10*time.Millisecond)
	load, stop := w.keepPosting(t)
	next := w.start(t, "CONSUL_HTTP_ADDR="+freeAddr(t), append(args, "--advertise", "127.0.0.1")...)
	require.Eventually(t, func() bool { return load.sent.Load() > 500 }, patience, time.Millisecond)
	next.end(syscall.SIGTERM)
	require.Eventually(t, func() bool { return load.sent.Load() > 700 }, patience, time.Millisecond)
	stop()
	require.Empty(t, load.errs)
	require.Empty(t, old.done)
}

// TestRouterStartsWithoutConsul has a router begin with what another one saved.
func TestRouterStartsWithoutConsul(t *testing.T) {
	w := newEcho(t, consultest.DataDir(t.TempDir()))
	file := filepath.Join(t.TempDir(), "router.json")
	begin := func() *daemon {
		return w.start(t, "", "router", "--listen", w.proxy, "--admin", w.admin, "--domain", "localhost", "--state-file", file, "--state-wait", "500ms")
	}
	answers := func() bool { return w.post(http.DefaultClient, "x") == nil }
	r := begin()
	require.Eventually(t, answers, patience, 10*time.Millisecond)
	r.end(syscall.SIGTERM)
	require.FileExists(t, file)

	w.consul.Kill()
	begin()
	w.awaitRouter(t)
	require.True(t, answers(), "its routes are there as soon as it is ready")
	_, body := w.getAdmin(t, "/v1/problems")
	require.Contains(t, body, "Consul has not answered since this router started")
	_, body = w.getAdmin(t, "/readyz")
	require.Contains(t, body, `"applied": 0`)
	require.NotContains(t, body, `"stale_seconds": 0,`)
	load, stop := w.keepPosting(t)
	w.consul.Restart()
	require.Eventually(t, func() bool {
		_, body := w.getAdmin(t, "/v1/problems")
		return !strings.Contains(body, "Consul has not answered")
	}, patience, 50*time.Millisecond)
	before := load.sent.Load()
	require.Eventually(t, func() bool { return load.sent.Load() > before+500 }, patience, time.Millisecond)
	stop()
	require.Empty(t, load.errs)
}

func (w *world) getAdmin(t *testing.T, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + w.admin + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}
