package edge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/router/edge"
)

// clients are those that connect, ask, read the answer to its end and close.
type clients struct {
	address  string
	workers  sync.WaitGroup
	stop     chan struct{}
	answered atomic.Int64
	mu       sync.Mutex
	by       map[string]int // answers by process
	failed   []error
}

func newClients(address string, workers int) *clients {
	c := &clients{address: address, stop: make(chan struct{}), by: map[string]int{}}
	for range workers {
		c.workers.Go(c.work)
	}
	return c
}

func (c *clients) work() {
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		pid, err := ask(c.address)
		c.mu.Lock()
		if err != nil {
			c.failed = append(c.failed, err)
		} else {
			c.by[pid]++
		}
		c.mu.Unlock()
		c.answered.Add(1)
	}
}

// ask answers the number of the process that served one connection.
func ask(address string) (string, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

// more waits until n more connections were answered.
func (c *clients) more(t *testing.T, n int64) {
	t.Helper()
	until := c.answered.Load() + n
	require.Eventually(t, func() bool { return c.answered.Load() >= until }, patience, time.Millisecond)
}

func (c *clients) end() {
	close(c.stop)
	c.workers.Wait()
}

func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "edge") // t.TempDir may be too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "handover")
}

// Three processes after one another, with newcomers that die between: of
// thousands of connections none may be refused or reset.
func TestProcessesSucceedEachOtherUnderLoad(t *testing.T) {
	path := socketPath(t)
	old := start(t, roleServe, path, "127.0.0.1:0")
	address := old.says("serves")
	clients := newClients(address, 8)
	for range 3 {
		clients.more(t, 500)
		require.NoError(t, start(t, roleDie, path, address).Wait())
		hangs := start(t, roleHang, path, address)
		hangs.says("hangs")
		clients.more(t, 200)
		require.NoError(t, hangs.Process.Kill())
		require.Error(t, hangs.Wait())
		clients.more(t, 200)

		next := start(t, roleServe, path, address)
		require.Equal(t, address, next.says("serves"))
		old.says("retires")
		require.NoError(t, old.Wait())
		clients.more(t, 200)
		old = next
	}
	clients.end()
	require.Empty(t, clients.failed)
	require.Len(t, clients.by, 4, "each process has served")
	t.Log(clients.answered.Load(), "connections, by process", clients.by)
	require.NoError(t, old.Process.Signal(syscall.SIGKILL))
	require.Error(t, old.Wait())
	_, err := edge.TakeOver(t.Context(), path)
	require.ErrorIs(t, err, edge.ErrNobody, "the file of a dead process counts as nobody")
}

// offering runs an Offer in this process; it answers what Run did and how often
// it was to retire.
func offering(ctx context.Context, t *testing.T, o *edge.Offer) (done chan error, retired *atomic.Int32) {
	t.Helper()
	o.Logger = hclog.NewNullLogger()
	done, retired = make(chan error, 1), new(atomic.Int32)
	go func() { done <- o.Run(ctx, func() { retired.Add(1) }) }()
	return done, retired
}

// takeOver tries until somebody offers.
func takeOver(t *testing.T, path string) *edge.Handover {
	t.Helper()
	var h *edge.Handover
	require.Eventually(t, func() bool {
		var err error
		h, err = edge.TakeOver(t.Context(), path)
		require.True(t, err == nil || errors.Is(err, edge.ErrNobody), "%v", err)
		return err == nil
	}, patience, time.Millisecond)
	t.Cleanup(h.Abandon)
	return h
}

func TestTheQueueSurvivesWhoeverCloses(t *testing.T) {
	path, first := socketPath(t), listen(t)
	offer := &edge.Offer{Path: path, Listeners: map[string]*net.TCPListener{"proxy": first, "admin": listen(t)}}
	done, retired := offering(t.Context(), t, offer)
	h := takeOver(t, path)
	second, err := h.Listen(t.Context(), "proxy", first.Addr().String(), false)
	require.NoError(t, err)
	defer second.Close()
	queued := dial(t, first) // nobody accepts yet
	require.NoError(t, h.Ready(t.Context()))
	require.NoError(t, <-done)
	require.Equal(t, int32(1), retired.Load())

	polite := edge.NewPolite(first)
	require.NoError(t, polite.Close())
	in := accept(t, second)
	require.Equal(t, queued.LocalAddr().String(), in.RemoteAddr().String())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestListenTakesWhatFitsOnly(t *testing.T) {
	path, first := socketPath(t), listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done, retired := offering(ctx, t, &edge.Offer{Path: path, Listeners: map[string]*net.TCPListener{"proxy": first, "tls": listen(t)}})
	h := takeOver(t, path)
	for name, address := range map[string]string{
		"another port":    "127.0.0.1:1",
		"another address": fmt.Sprintf(":%d", first.Addr().(*net.TCPAddr).Port),
	} {
		l, err := h.Listen(t.Context(), "proxy", address, false)
		if err == nil {
			require.NotEqual(t, first.Addr().String(), l.Addr().String(), name)
			require.NoError(t, l.Close())
		}
	}
	l, err := h.Listen(t.Context(), "proxy", "127.0.0.1:0", false)
	require.NoError(t, err)
	require.Equal(t, first.Addr().String(), l.Addr().String())
	require.NoError(t, l.Close())
	h.Abandon()

	h = takeOver(t, path) // as if nothing had happened
	cancel()
	require.NoError(t, <-done)
	require.Zero(t, retired.Load())
	require.NoError(t, h.Ready(t.Context()), "the old process is gone, so this one serves")
}

func TestANewcomerThatTakesTooLong(t *testing.T) {
	path := socketPath(t)
	ctx, cancel := context.WithCancel(t.Context())
	done, retired := offering(ctx, t, &edge.Offer{
		Path: path, Listeners: map[string]*net.TCPListener{"proxy": listen(t)}, ReadyTimeout: time.Millisecond,
	})
	slow := takeOver(t, path)
	takeOver(t, path).Abandon() // the next one's turn comes when the slow one's is over
	err := slow.Ready(t.Context())
	require.ErrorIs(t, err, edge.ErrRefused)
	require.ErrorContains(t, err, "not ready within")
	cancel()
	require.NoError(t, <-done)
	require.Zero(t, retired.Load())
}

func TestStrangersAtTheSocket(t *testing.T) {
	path := socketPath(t)
	ctx, cancel := context.WithCancel(t.Context())
	done, _ := offering(ctx, t, &edge.Offer{Path: path, Listeners: map[string]*net.TCPListener{"proxy": listen(t)}})
	takeOver(t, path).Abandon()
	for sent, want := range map[string]string{
		"GET / HTTP/1.1\n":   "refused ",
		"teal-handover\n":    "refused ",
		"teal-handover 0\n":  "refused ",
		"teal-handover 99\n": "teal-handover 1\n",
	} {
		c, err := net.Dial("unixpacket", path)
		require.NoError(t, err)
		_, err = c.Write([]byte(sent))
		require.NoError(t, err)
		answer := make([]byte, 4096)
		n, err := c.Read(answer)
		require.NoError(t, err)
		require.Contains(t, string(answer[:n]), want)
		require.NoError(t, c.Close())
	}
	cancel()
	require.NoError(t, <-done)
}

func TestNobodyAndNoSocket(t *testing.T) {
	path := socketPath(t)
	_, err := edge.TakeOver(t.Context(), path)
	require.ErrorIs(t, err, edge.ErrNobody)
	var none *edge.Handover
	l, err := none.Listen(t.Context(), "proxy", "127.0.0.1:0", false)
	require.NoError(t, err)
	require.NoError(t, none.Ready(t.Context()))
	_, err = edge.Listen(t.Context(), l.Addr().String(), false)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.NoError(t, l.Close())

	require.NoError(t, os.WriteFile(path, []byte("dear"), 0o600))
	offer := &edge.Offer{Path: path, Logger: hclog.NewNullLogger()}
	require.ErrorContains(t, offer.Run(t.Context(), func() {}), "no socket")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "dear", string(content))
	offer.Path = filepath.Join(path, "below")
	require.Error(t, offer.Run(t.Context(), func() {}))
}

func TestASharedPort(t *testing.T) {
	first, err := edge.Listen(t.Context(), "127.0.0.1:0", true)
	require.NoError(t, err)
	defer first.Close()
	second, err := edge.Listen(t.Context(), first.Addr().String(), true)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}
