package router

import (
	"context"
	"maps"
	"net"
	"strconv"
	"sync"

	"teal/router/edge"
)

// Listeners opens a router's TCP sockets, or takes them over from the router
// before, and knows those that are open for the router after. The fields are set
// before the first call; the methods may be called from any goroutine.
type Listeners struct {
	Host         string            // that ports of TCP services are opened at; empty for all addresses
	From         *edge.Handover    // of the router before; nil for none
	ProxyHeaders edge.ProxyHeaders // who tells the real client, on what clients connect to

	mu   sync.Mutex
	open map[string]*net.TCPListener
}

// Admin listens where operators and deployers connect.
func (l *Listeners) Admin(ctx context.Context, address string) (net.Listener, error) {
	return l.listen(ctx, "admin", address)
}

// Clients listens where clients connect, under a name that is the same in the
// router before and the one after.
func (l *Listeners) Clients(ctx context.Context, name, address string) (net.Listener, error) {
	listener, err := l.listen(ctx, name, address)
	if err != nil {
		return nil, err
	}
	return l.ProxyHeaders.Listener(listener), nil
}

// Port opens the port of a TCP service; it is for Options.ListenTCP.
func (l *Listeners) Port(ctx context.Context, port int) (net.Listener, error) {
	return l.Clients(ctx, portName(port), net.JoinHostPort(l.Host, strconv.Itoa(port)))
}

func portName(port int) string { return "port" + portKey(port) }

func (l *Listeners) listen(ctx context.Context, name, address string) (net.Listener, error) {
	listener, err := l.From.Listen(ctx, name, address, false)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[string]*net.TCPListener{}
	}
	l.open[name] = listener
	return &listed{TCPListener: listener, forget: func() { l.forget(name, listener) }}, nil
}

// Open is those that are open, by name.
func (l *Listeners) Open() map[string]*net.TCPListener {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.open)
}

// has tells whether a listener of that name is open.
func (l *Listeners) has(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[name] != nil
}

// forget takes a listener off the list if it is still the one of its name.
func (l *Listeners) forget(name string, listener *net.TCPListener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[name] == listener {
		delete(l.open, name)
	}
}

// listed is a listener that is on the list until it closes.
type listed struct {
	*net.TCPListener
	forget func()
}

// Close implements net.Listener.
func (l *listed) Close() error {
	l.forget()
	return l.TCPListener.Close()
}
