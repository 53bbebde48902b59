package router_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
	"teal/router"
	"teal/router/edge"
)

// generation is one of the routers that follow each other at the same addresses.
type generation struct {
	t      *testing.T
	source *fakeSource
	proxy  string
	admin  string
	done   chan error
}

// begin starts a router that takes over from the one at path, if there is one. It
// opens port for a TCP service.
func begin(t *testing.T, path, id, proxy, admin string, port int) *generation {
	t.Helper()
	g := &generation{t: t, source: &fakeSource{snapshots: make(chan catalog.Snapshot), applied: make(chan struct{})}, done: make(chan error, 1)}
	listeners := &router.Listeners{}
	var err error
	if listeners.From, err = edge.TakeOver(t.Context(), path); err != nil {
		require.ErrorIs(t, err, edge.ErrNobody)
	}
	life := &router.Lifecycle{
		Logger: hclog.NewNullLogger(), ShutdownDelay: time.Hour,
		Succession: &router.Succession{Path: path, Listeners: listeners},
	}
	life.Proxy, err = listeners.Clients(t.Context(), "proxy", proxy)
	require.NoError(t, err)
	life.Admin, err = listeners.Admin(t.Context(), admin)
	require.NoError(t, err)
	g.proxy, g.admin = life.Proxy.Addr().String(), life.Admin.Addr().String()
	life.Router, err = router.New(router.Options{
		ID: id, Domain: "proxy.example", Source: g.source,
		TCPPorts: router.Ports{{First: port, Last: port}}, ListenTCP: listeners.Port,
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go func() { g.done <- life.Run(ctx) }()
	return g
}

func (g *generation) apply(s *catalog.Service) {
	g.source.snapshots <- catalog.Snapshot{AliasIndex: 7, Services: cow.Of(map[string]*catalog.Service{s.Name: s})}
	<-g.source.applied
}

// who answers at the admin address.
func (g *generation) who(path string) (int, string) {
	res, err := http.Get("http://" + g.admin + path)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(g.t, err)
	return res.StatusCode, string(body)
}

func echoServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); _ = conn.Close() }()
		}
	}()
	return l.Addr().String()
}

func TestSuccession(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	port := freePort(t)
	text := strconv.Itoa(port)
	service := web(catalog.PointTo(bluePro), instanceAt(t, echoServer(t), bluePro, "b1"))
	service.Config.TCP = []catalog.TCPRoute{{Port: port, Alias: "production"}}
	says := func(conn net.Conn, word string) {
		require.NoError(t, conn.SetDeadline(time.Now().Add(within)))
		_, err := io.WriteString(conn, word)
		require.NoError(t, err)
		got := make([]byte, len(word))
		_, err = io.ReadFull(conn, got)
		require.NoError(t, err)
		require.Equal(t, word, string(got))
	}
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", "127.0.0.1:"+text)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}

	old := begin(t, path, "old", "127.0.0.1:0", "127.0.0.1:0", port)
	old.apply(service)
	require.Eventually(t, func() bool { return len(old.done) == 0 && exists(path) }, within, time.Millisecond)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+text)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, within, time.Millisecond)
	kept := dial()
	says(kept, "hello")

	next := begin(t, path, "next", old.proxy, old.admin, port)
	require.Never(t, func() bool {
		_, body := old.who("/healthz")
		return len(old.done) > 0 || body == "" || !containsID(body, "old")
	}, 100*time.Millisecond, 5*time.Millisecond, "one that is not ready accepts nothing")
	next.apply(service)
	require.Eventually(t, func() bool { _, body := next.who("/healthz"); return containsID(body, "next") }, within, time.Millisecond)
	for range 20 {
		says(dial(), "new")
		status, _ := next.who("/readyz")
		require.Equal(t, http.StatusOK, status)
	}
	status, _ := next.who("/routers/old/v1/services/web/targets/blue-production")
	require.Equal(t, http.StatusMisdirectedRequest, status)
	says(kept, "still here")
	require.NoError(t, kept.Close())
	require.NoError(t, <-old.done)
	says(dial(), "after")
	require.Empty(t, next.done)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func containsID(body, id string) bool { return strings.Contains(body, `"id": "`+id+`"`) }
