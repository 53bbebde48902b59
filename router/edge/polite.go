package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Polite is a listener whose end loses no connection. An http.Server that is
// simply shut down loses some: it closes those whose first request arrives after
// Shutdown was called, though the client could not know. So stop first:
//
//	server.ConnState = polite.ConnState
//	...
//	err := polite.Stop(ctx)     // nothing new; all that came have been heard
//	err = server.Shutdown(ctx)  // lets them finish
//
// Shutdown also closes connections kept alive, and a request may just be on its
// way there: have answers say Connection: close for a while before.
//
// After Stop, or once the listener inside has been closed, Accept waits for
// Close instead of failing, so that Serve goes on until Shutdown. Polite is for
// one accept loop; the other methods may be called from anywhere, and Stop and
// Close more than once.
//
// It closes this process's descriptor only. Where another process holds the
// same socket (see TakeOver), its queue lives on there.
type Polite struct {
	net.Listener
	parked, closed        chan struct{}
	onceParked, onceClose sync.Once
	unheard               sync.Map // of net.Conn: from whom no request came yet
	unheardCount          atomic.Int64
}

// heardEvery is how often Stop looks whether all have been heard.
const heardEvery = time.Millisecond

// NewPolite is a polite listener around l.
func NewPolite(l net.Listener) *Polite {
	return &Polite{Listener: l, parked: make(chan struct{}), closed: make(chan struct{})}
}

// Accept answers the next connection, or net.ErrClosed once Close was called.
func (p *Polite) Accept() (net.Conn, error) {
	c, err := p.Listener.Accept()
	if err == nil || !errors.Is(err, net.ErrClosed) {
		return c, err
	}
	p.onceParked.Do(func() { close(p.parked) })
	<-p.closed
	return nil, net.ErrClosed
}

// ConnState is for http.Server.ConnState. It learns who has not been heard yet.
func (p *Polite) ConnState(c net.Conn, s http.ConnState) {
	if s == http.StateNew {
		p.unheard.Store(c, nil)
		p.unheardCount.Add(1)
	} else if _, was := p.unheard.LoadAndDelete(c); was {
		p.unheardCount.Add(-1)
	}
}

// Stop accepts no further connection, and returns when the accept loop has done
// with the last one and the first request of each has come. It fails if ctx ends
// before that; allow seconds, not more, as browsers also connect for nothing.
func (p *Polite) Stop(ctx context.Context) error {
	_ = p.Listener.Close() // it may be closed already
	select {
	case <-p.parked:
	case <-p.closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the last connection that was accepted at %s: %w", p.Addr(), context.Cause(ctx))
	}
	tick := time.NewTicker(heardEvery)
	defer tick.Stop()
	for p.unheardCount.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the first request of %d connections accepted at %s: %w",
				p.unheardCount.Load(), p.Addr(), context.Cause(ctx))
		}
	}
	return nil
}

// Close ends the accept loop.
func (p *Polite) Close() error {
	p.onceClose.Do(func() { close(p.closed) })
	if err := p.Listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
