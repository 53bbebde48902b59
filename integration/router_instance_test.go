//go:build integration

package integration

import (
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// instance is an instance of a service in this process, which can die.
type instance struct {
	name string
	host string
	port int

	listener net.Listener
	server   *http.Server

	underWay atomic.Int64 // requests

	mu    sync.Mutex
	conns map[net.Conn]bool
	died  time.Time // zero while it lives
}

// startInstance starts one on an address, and ends it with the test. It answers
// every request with its name, in one write, after work.
func startInstance(t testing.TB, host, name string, work func()) *instance {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	require.NoError(t, err)
	i := &instance{name: name, host: host, port: l.Addr().(*net.TCPAddr).Port, listener: l, conns: map[net.Conn]bool{}}
	i.server = &http.Server{
		ReadHeaderTimeout: wireTimeout,
		ConnState:         i.connState,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			i.underWay.Add(1)
			defer i.underWay.Add(-1)
			work()
			_, _ = io.WriteString(w, name) // who asked may have gone
		}),
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = i.server.Serve(l) }() // it ends when it is closed
	t.Cleanup(func() { _ = i.server.Close(); <-served })
	return i
}

func (i *instance) connState(c net.Conn, state http.ConnState) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch state {
	case http.StateNew:
		if i.conns[c] = true; !i.died.IsZero() {
			reset(c) // it was accepted at the last moment
		}
	case http.StateClosed, http.StateHijacked:
		delete(i.conns, c)
	}
}

func (i *instance) lives() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.died.IsZero()
}

// die ends the instance as the loss of its process does: nobody listens any more,
// and what is under way is reset.
func (i *instance) die() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.died = time.Now()
	_ = i.listener.Close()
	for c := range i.conns {
		reset(c)
	}
}

// reset closes a connection with an RST.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // else it is closed politely
	}
	_ = c.Close()
}
