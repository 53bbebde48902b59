package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

// The defaults of a Split.
const (
	DefaultHelloTimeout = 10 * time.Second
	DefaultWaiting      = 1024
)

// acceptPause is how long a Split waits when the process is out of descriptors
// or memory.
const acceptPause = 50 * time.Millisecond

// SplitOptions are what a Split is made of.
type SplitOptions struct {
	// From is the listener whose connections are split; Run closes it.
	From net.Listener
	// Claims says whether a TCP service takes the connection with this hello. It is
	// called from many goroutines at once and must not block. Only TLS is asked for.
	Claims func(Hello) bool
	// HelloTimeout is how long a client may take for its hello; 0 is
	// DefaultHelloTimeout.
	HelloTimeout time.Duration
	// Waiting is how many connections may be without hello, or not accepted from
	// this Split yet, at once; 0 is DefaultWaiting. One more displaces the one
	// that waits longest.
	Waiting int
	Logger  hclog.Logger
}

// Split parts the TLS connections of one port, by what their hello says, between
// the TCP services, which get them undecrypted, and HTTPS, which gets the rest.
type Split struct {
	options     SplitOptions
	room        room
	services    *queue
	https       *queue
	onceCrowded sync.Once
}

// NewSplit is a Split that does nothing until it runs.
func NewSplit(o SplitOptions) *Split {
	if o.HelloTimeout == 0 {
		o.HelloTimeout = DefaultHelloTimeout
	}
	if o.Waiting == 0 {
		o.Waiting = DefaultWaiting
	}
	addr := o.From.Addr()
	return &Split{options: o, room: room{size: o.Waiting}, services: newQueue(addr), https: newQueue(addr)}
}

// HTTPS has the connections that no TCP service claims, and those that speak no
// TLS at all, which a TLS server knows how to refuse. They are *Peeked.
func (s *Split) HTTPS() net.Listener { return s.https }

// Services has the connections that a TCP service claims. They are *Peeked, with
// the Hello to find the service by.
func (s *Split) Services() net.Listener { return s.services }

// Run splits until ctx ends. It then closes From, waits until those who are in
// have said their hello and are accepted, which takes HelloTimeout at most
// while both sides still accept, and closes both sides. With Polite around
// them, their servers can be shut down after that without losing a connection.
// It returns an error only if From fails before ctx ends.
func (s *Split) Run(ctx context.Context) error {
	defer s.close()
	var guests sync.WaitGroup
	defer guests.Wait()
	defer context.AfterFunc(ctx, func() { _ = s.options.From.Close() })()
	for {
		c, err := s.options.From.Accept()
		switch {
		case err == nil:
			guest := s.admit(c)
			guests.Go(func() { s.attend(guest) })
		case ctx.Err() != nil:
			return nil
		case passes(err):
			pause(ctx)
		default:
			return fmt.Errorf("accept connections at %s: %w", s.options.From.Addr(), err)
		}
	}
}

func (s *Split) admit(c net.Conn) *guest {
	guest, displaced := s.room.enter(c)
	if displaced {
		s.onceCrowded.Do(func() {
			s.options.Logger.Warn("more connections than may wait have sent no TLS hello; those that wait longest are closed from now on",
				"address", s.https.addr.String(), "may_wait", s.options.Waiting)
		})
	}
	return guest
}

// attend sees one connection through to the side it belongs to.
func (s *Split) attend(g *guest) {
	defer s.room.leave(g)
	peeked, err := Peek(g.conn, s.options.HelloTimeout)
	if err != nil {
		s.options.Logger.Debug("a connection was closed before its TLS hello", "error", err)
		_ = g.conn.Close() // there is nobody to tell
		return
	}
	side := s.https
	if peeked.Hello.TLS && s.options.Claims(peeked.Hello) {
		side = s.services
	}
	if !side.put(peeked, g.out) {
		_ = g.conn.Close()
	}
}

func (s *Split) close() {
	_ = s.services.Close() // a queue's Close can't fail
	_ = s.https.Close()
}

// passes tells whether accepting may work again in a moment.
func passes(err error) bool {
	for _, passing := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

func pause(ctx context.Context) {
	timer := time.NewTimer(acceptPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
