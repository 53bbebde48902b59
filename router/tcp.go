package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"teal/catalog"
)

const (
	// bindAgain is how long until a port that could not be opened is tried again.
	bindAgain = time.Second

	// acceptAgain is how long nobody is accepted when the process is out of
	// descriptors or memory.
	acceptAgain = 50 * time.Millisecond
)

// TCPServer sends the connections of TCP routes to the instances that their
// aliases point at, by the same claims as requests: counted in flight, balanced,
// limited, paused, and closed politely when a target has lost its alias and its
// drain time is over. There is one for each Router, see Router.TCP. Its methods
// may be called from any goroutine, but Run only once.
type TCPServer struct {
	router *Router
	meters *meters
	grace  time.Duration  // that connections have when the router ends
	wake   chan struct{}  // the table has changed
	open   map[int]*port  // of Run alone
	conns  sync.WaitGroup // of the ports

	mu     sync.Mutex
	failed map[int]error // the ports that can't be opened
}

// port is one that is open.
type port struct {
	listener net.Listener
	ended    chan struct{} // nothing more is accepted
}

func newTCPServer(r *Router, m *meters) *TCPServer {
	return &TCPServer{
		router: r, meters: m, grace: ShutdownGrace,
		wake: make(chan struct{}, 1), open: map[int]*port{}, failed: map[int]error{},
	}
}

func listenTCP(ctx context.Context, port int) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: keepAlive}
	return config.Listen(ctx, "tcp", portKey(port))
}

// changed has the ports adapted to the current table.
func (s *TCPServer) changed() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run opens the ports that services declare and the options allow, and closes
// those that nobody declares any more, until ctx ends. It then closes all, and
// lets connections go on for up to ShutdownGrace, asking them to end one after
// the other in its second half. A port that can't be opened is a problem of its
// service, and tried again. Run returns nil.
func (s *TCPServer) Run(ctx context.Context) error {
	defer s.conns.Wait()
	defer s.adapt(ctx, nil)
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-again.C:
		}
		again.Stop()
		if t := s.router.dispatch.table.Load(); t != nil && !s.adapt(ctx, t.tcpPorts()) {
			again.Reset(bindAgain)
		}
	}
}

// adapt opens and closes ports until the wanted ones, each with its service, are
// open. It is false when some could not be opened.
func (s *TCPServer) adapt(ctx context.Context, wanted map[int]string) bool {
	for _, n := range sortedPorts(s.open) {
		if _, ok := wanted[n]; !ok {
			s.close(n)
		}
	}
	failed := map[int]error{}
	for _, n := range sortedPorts(wanted) {
		if s.open[n] == nil {
			if err := s.listen(ctx, n, wanted[n]); err != nil {
				failed[n] = err
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = failed
	return len(failed) == 0
}

func (s *TCPServer) listen(ctx context.Context, n int, service string) error {
	l, err := s.router.opt.ListenTCP(ctx, n)
	if err != nil {
		if s.failure(n) == nil {
			s.router.log.Warn("a port can't be opened; it is tried again", "port", n, "service", service, "error", err)
		}
		return err
	}
	p := &port{listener: l, ended: make(chan struct{})}
	s.open[n] = p
	s.router.log.Info("port is open", "port", n, "service", service)
	go func() {
		defer close(p.ended)
		accept(ctx, l, func(c net.Conn) {
			s.conns.Go(func() { s.serve(ctx, c, portKey(n)) })
		})
	}()
	return nil
}

func (s *TCPServer) close(n int) {
	p := s.open[n]
	delete(s.open, n)
	_ = p.listener.Close() // it is not used again
	<-p.ended
	s.router.log.Info("port is closed", "port", n)
}

// accept calls handle with every connection of l until that is closed.
func accept(ctx context.Context, l net.Listener, handle func(net.Conn)) {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			handle(c)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			pause(ctx, acceptAgain)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// ServeTLS serves each connection of l by the TLS name that nameOf knows of it,
// until l is closed; ServeConn says how. It returns when the last connection has
// ended. l is its owner's to close.
func (s *TCPServer) ServeTLS(ctx context.Context, l net.Listener, nameOf func(net.Conn) string) {
	var conns sync.WaitGroup
	defer conns.Wait()
	accept(ctx, l, func(c net.Conn) {
		conns.Go(func() { s.ServeConn(ctx, c, nameOf(c)) })
	})
}

// ServeConn sends a connection, from whose beginning nothing may be missing, to
// the service that declared a TLS name, undecrypted. It returns when the
// connection has ended, which is closed then: ShutdownGrace after the end of
// ctx at the latest.
func (s *TCPServer) ServeConn(ctx context.Context, c net.Conn, name string) {
	name = plainName(name)
	if name == "" {
		_ = c.Close() // without a name it is nobody's
		return
	}
	s.serve(ctx, c, name)
}

// TakesSNI tells whether a service declared a TLS name, exactly or by a
// wildcard, so that connections that ask for it are to be given to ServeConn.
func (s *TCPServer) TakesSNI(name string) bool {
	t := s.router.dispatch.table.Load()
	return t != nil && t.serverName(plainName(name)) != nil
}

// plainName is a TLS name as tables know it.
func plainName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func (s *TCPServer) failure(port int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed[port]
}

// problems is those of a table, and of what this router makes of it.
func (r *Router) problems(t *Table) []catalog.Problem {
	return append(t.Problems(), r.tcp.problems(t)...)
}

// problems is those of a table's ports that can't be opened.
func (s *TCPServer) problems(t *Table) []catalog.Problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []catalog.Problem
	wanted := t.tcpPorts()
	for _, n := range sortedPorts(s.failed) {
		if service, ok := wanted[n]; ok {
			all = append(all, catalog.Problem{
				Service: service, Subject: portKey(n) + " (TCP)",
				Message: fmt.Sprintf("port %d can't be opened here and is tried again every second: %v; end what has it, or declare another port", n, s.failed[n]),
			})
		}
	}
	return all
}

// addressOfPeer is where a connection comes from; invalid when it is none of IP.
func addressOfPeer(c net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
