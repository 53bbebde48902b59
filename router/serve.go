package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
)

// The limits of connections from clients. There is none for a whole request or
// answer, since streams have no end.
const (
	headerTimeout  = 10 * time.Second // for a request's header, and for a TLS handshake
	clientIdle     = 75 * time.Second
	maxHeaderBytes = 64 << 10
	// maxStreams is how many requests an HTTP/2 connection may have at once (RFC
	// 9113, section 5.1.2). The rest of net/http's limits are its own: resets that
	// come faster than handlers end, and headers without end, close the connection.
	maxStreams = 250
	// ShutdownGrace is how long requests may go on after the context has ended.
	ShutdownGrace = 30 * time.Second
	// firstRequest is how long, at the end, a connection that was just accepted may
	// take to send its first request.
	firstRequest = 2 * time.Second
)

// Serve answers a listener's requests with h until ctx ends, then lets those in
// flight finish for up to ShutdownGrace and cuts off the rest. It closes the
// listener, and returns an error only if ctx had not ended.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log hclog.Logger) error {
	return newServer(ctx, serving{listener: l, handler: h, grace: ShutdownGrace, log: log}).run(ctx)
}

// run serves until ctx ends.
func (s *server) run(ctx context.Context) error {
	defer s.cut()
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", s.address(), err)
	case <-ctx.Done():
	}
	s.end(context.WithoutCancel(ctx))
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", s.address(), err)
	}
	return nil
}

// end lets nobody new in, and those who are in finish.
func (s *server) end(ctx context.Context) {
	ctx, done := context.WithTimeout(ctx, s.grace)
	defer done()
	s.part(leaving)
	hearing, heard := context.WithTimeout(ctx, firstRequest)
	if err := s.polite.Stop(hearing); err != nil {
		s.log.Debug("some connections are closed that were never used", "error", err)
	}
	heard()
	s.awaitMoved(ctx)
	if err := s.http.Shutdown(ctx); err != nil {
		s.log.Warn("requests were cut off at the end", "address", s.address(), "grace", s.grace)
		_ = s.http.Close() // nothing is left to save
	}
	s.awaitUpgraded(ctx)
}

// awaitMoved waits, for as long as clients that keep connections may need, until
// they have come to their last answer here.
func (s *server) awaitMoved(ctx context.Context) {
	ctx, done := context.WithTimeout(ctx, s.linger)
	defer done()
	await(ctx, func() bool { return s.open.Load() == 0 })
}

// awaitUpgraded waits for the end of what net/http has lost sight of.
func (s *server) awaitUpgraded(ctx context.Context) {
	if s.idle != nil {
		await(ctx, s.idle)
	}
}

// awaitEvery is how often await looks.
const awaitEvery = 2 * time.Millisecond

// await waits until done says so, and answers false if ctx ends before that.
func await(ctx context.Context, done func() bool) bool {
	tick := time.NewTicker(awaitEvery)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}
