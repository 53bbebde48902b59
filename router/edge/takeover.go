package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

var (
	// ErrNobody says that no process offers its listeners: the first start.
	ErrNobody = errors.New("nobody offers listeners")
	// ErrRefused says that the other process goes on serving, and why.
	ErrRefused = errors.New("the process that serves now refused to hand over")
)

// Handover is a set of listeners that another process serves until this one is
// ready. Both hold the same sockets, hence the same queues of connections. A nil
// Handover holds none. Its methods may be called from any goroutine.
type Handover struct {
	wire wire

	mu        sync.Mutex
	listeners map[string]*net.TCPListener // that were not taken
}

// TakeOver asks the process at the Unix socket path for its listeners. It
// answers an error that is ErrNobody if there is no such process, in which case
// the caller listens itself, and one that is ErrRefused if that process gives
// none. End the Handover with Ready or Abandon.
func TakeOver(ctx context.Context, path string) (*Handover, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, socketNetwork, path)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("take over the listeners at %s: %w", path, ErrNobody)
	case err != nil:
		return nil, fmt.Errorf("take over the listeners at %s: %w", path, err)
	}
	h := &Handover{wire: wire{conn.(*net.UnixConn)}, listeners: map[string]*net.TCPListener{}}
	if err := h.receive(ctx); err != nil {
		h.Abandon()
		return nil, fmt.Errorf("take over the listeners at %s: %w", path, err)
	}
	return h, nil
}

// receive greets the incumbent and takes in its listeners.
func (h *Handover) receive(ctx context.Context) error {
	defer h.wire.until(ctx, 0)()
	if err := checkPeer(h.wire.UnixConn); err != nil {
		return err
	}
	if err := h.wire.say(verbGreeting, fmt.Sprint(newestVersion)); err != nil {
		return ended(ctx, err)
	}
	greeting, err := h.wire.receive()
	if err != nil {
		return ended(ctx, err)
	}
	greeting.drop()
	if _, err := agree(greeting); err != nil {
		return err
	}
	for {
		p, err := h.wire.receive()
		if err != nil {
			return ended(ctx, err)
		}
		switch {
		case p.verb == verbAll:
			p.drop()
			return nil
		case p.verb == verbListener && p.file != nil:
			err = h.keep(p)
		default:
			err = fmt.Errorf("%q without a socket is not understood; restart the old process instead of handing over", p.verb)
		}
		p.drop() // the listener has a duplicate
		if err != nil {
			return err
		}
	}
}

func (h *Handover) keep(p packet) error {
	l, err := net.FileListener(p.file)
	if err != nil {
		return fmt.Errorf("use the socket handed over as %s: %w", p.rest, err)
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok || h.listeners[p.rest] != nil {
		_ = l.Close() // it is not used
		return fmt.Errorf("the socket handed over as %s, at %s, is a second one of that name or not TCP", p.rest, l.Addr())
	}
	h.listeners[p.rest] = tcp
	return nil
}

// ended says in a sentence why the incumbent's answer did not come.
func ended(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE):
		return errors.New("the old process ended or retired meanwhile; start again")
	default:
		return err
	}
}

// Listen takes the listener of that name out of the Handover if it listens at
// the address, and otherwise, or when h is nil, listens anew (see Listen). The
// listener is the caller's. An address without a port number, or with port 0,
// takes whatever port was handed over.
func (h *Handover) Listen(ctx context.Context, name, address string, shared bool) (*net.TCPListener, error) {
	if l := h.take(name, address); l != nil {
		return l, nil
	}
	return Listen(ctx, address, shared)
}

func (h *Handover) take(name, address string) *net.TCPListener {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.listeners[name]
	if l == nil || !listensAt(l.Addr().(*net.TCPAddr), address) {
		return nil
	}
	delete(h.listeners, name)
	return l
}

// listensAt tells whether a socket bound to has is what the address asks for.
func listensAt(has *net.TCPAddr, address string) bool {
	want, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return false
	}
	anywhere := (want.IP == nil || want.IP.IsUnspecified()) && has.IP.IsUnspecified()
	return (want.Port == 0 || want.Port == has.Port) && (anywhere || want.IP.Equal(has.IP))
}

// Ready tells the old process to retire; call it when this one accepts, or is
// about to. When it returns nil this process alone is to serve, also because the
// old one has ended by itself. When it fails the old one goes on, and the caller
// closes what it took; only where ctx ended, the old one may have heard it yet
// and retire. Listeners that nobody took are closed either way.
func (h *Handover) Ready(ctx context.Context) error {
	if h == nil {
		return nil
	}
	defer h.Abandon()
	defer h.wire.until(ctx, 0)()
	_ = h.wire.say(verbReady) // if the other end is closed, reading tells why
	p, err := h.wire.receive()
	switch {
	case errors.Is(err, io.EOF):
		return nil // it is gone, and its sockets are ours
	case ctx.Err() != nil:
		return fmt.Errorf("tell the old process to retire: %w", context.Cause(ctx))
	case err != nil:
		return fmt.Errorf("tell the old process to retire: %w", err)
	}
	p.drop()
	if p.verb != verbRetiring {
		return fmt.Errorf("tell the old process to retire: it answered %q, which is not understood; restart it without a hand-over", p.verb)
	}
	return nil
}

// Abandon leaves everything to the old process: it closes the listeners that were
// not taken. The caller closes those it took. After Ready it does nothing.
func (h *Handover) Abandon() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.wire.Close() // the old process sees the end of the connection
	for _, l := range h.listeners {
		_ = l.Close() // nobody used it
	}
	clear(h.listeners)
}
