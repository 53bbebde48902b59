package router

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"teal/router/edge"
)

// Succession is how a router follows another process of its host without a gap,
// and is followed by the next one. Both hold the same sockets for a while, and
// each connection is accepted by a router that has its routes.
type Succession struct {
	Path      string // of the Unix socket that listeners are handed over at
	Listeners *Listeners
}

// errSucceeded is why a router ends that has a successor.
var errSucceeded = errors.New("a new process serves in its place")

// portsTimeout is how long a router that takes over may need to open the ports of
// TCP services.
const portsTimeout = 5 * time.Second

// follows tells whether there is a router before this one.
func (s *Succession) follows() bool { return s != nil && s.Listeners.From != nil }

// take has the router before retire, now that this one is ready.
func (s *Succession) take(ctx context.Context, r *Router) error {
	if !s.follows() {
		return nil
	}
	s.awaitPorts(ctx, r)
	if err := s.Listeners.From.Ready(ctx); err != nil {
		return fmt.Errorf("succeed the router at %s: %w", s.Path, err)
	}
	return nil
}

// awaitPorts waits for the ports of TCP services: what is not taken over by the
// time the router before retires has to be opened again.
func (s *Succession) awaitPorts(ctx context.Context, r *Router) {
	ctx, done := context.WithTimeout(ctx, portsTimeout)
	defer done()
	await(ctx, func() bool {
		for n := range r.dispatch.table.Load().tcpPorts() {
			if !s.Listeners.has(portName(n)) && r.tcp.failure(n) == nil {
				return false
			}
		}
		return true
	})
}

// offer waits for the router after, and calls retire when that one serves. That
// it can't be waited for is logged, and keeps nobody from being served.
func (s *Succession) offer(ctx context.Context, retire func(), log hclog.Logger) {
	if s == nil {
		return
	}
	o := &edge.Offer{Path: s.Path, More: s.Listeners.Open, Logger: log}
	if err := o.Run(ctx, retire); err != nil {
		log.Error("this router can't be followed without a gap", "error", err)
	}
}
