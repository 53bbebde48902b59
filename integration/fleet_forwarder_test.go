//go:build integration

package integration

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// forwarder is a wire to a TCP server that can be cut. Its methods may be called
// from any goroutine.
type forwarder struct {
	addr string // host:port to connect to
	to   string

	mu       sync.Mutex
	listener net.Listener // nil while connections are refused
	conns    map[net.Conn]bool
	flows    chan struct{} // closed while bytes flow
	done     sync.WaitGroup
}

func newForwarder(t testing.TB, to string) *forwarder {
	t.Helper()
	f := &forwarder{addr: "127.0.0.1:0", to: to, conns: map[net.Conn]bool{}, flows: make(chan struct{})}
	close(f.flows)
	require.NoError(t, f.listen())
	t.Cleanup(func() { f.refuse(); f.unblock(); f.done.Wait() })
	return f
}

// listen takes connections, at the same address each time.
func (f *forwarder) listen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener != nil {
		return nil
	}
	l, err := net.Listen("tcp", f.addr)
	if err != nil {
		return err
	}
	f.listener, f.addr = l, l.Addr().String()
	f.done.Go(func() { f.accept(l) })
	return nil
}

// refuse ends all connections and takes no new ones.
func (f *forwarder) refuse() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener != nil {
		_ = f.listener.Close()
		f.listener = nil
	}
	for c := range f.conns {
		_ = c.Close()
	}
}

// hang keeps connections, and takes new ones, but not a byte comes through.
func (f *forwarder) hang() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.flows:
		f.flows = make(chan struct{})
	default: // it hangs already
	}
}

func (f *forwarder) unblock() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.flows:
	default:
		close(f.flows)
	}
}

// restore ends a refusal or a hanging.
func (f *forwarder) restore(t testing.TB) {
	t.Helper()
	f.unblock()
	require.NoError(t, f.listen())
}

func (f *forwarder) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		f.done.Go(func() { f.forward(c) })
	}
}

func (f *forwarder) forward(client net.Conn) {
	if !f.keep(client) {
		return
	}
	defer f.drop(client)
	f.await()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", f.to)
	if err != nil || !f.keep(server) {
		return
	}
	defer f.drop(server)
	back := make(chan struct{})
	go func() { defer close(back); f.pump(client, server) }()
	f.pump(server, client)
	<-back
}

// pump copies until one end closes, then ends both: HTTP needs no half of a
// connection.
func (f *forwarder) pump(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		f.await()
		if n > 0 {
			if _, writeErr := to.Write(buffer[:n]); writeErr != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_, _ = to.Close(), from.Close()
}

// await waits until bytes flow.
func (f *forwarder) await() {
	f.mu.Lock()
	flows := f.flows
	f.mu.Unlock()
	<-flows
}

// keep remembers a connection, or closes it when connections are refused.
func (f *forwarder) keep(c net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener == nil {
		_ = c.Close()
		return false
	}
	f.conns[c] = true
	return true
}

func (f *forwarder) drop(c net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, c)
	_ = c.Close()
}
