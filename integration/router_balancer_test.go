//go:build integration

package integration

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// balancer spreads connections over routers as one of layer 4 does: it knows
// which routers are in service, and tries another where one refuses.
type balancer struct {
	mu      sync.Mutex
	routers []*balanced
}

// balanced is a router behind a balancer.
type balanced struct {
	addr   string
	out    bool // of service
	busy   int  // requests under way
	served int  // how often it was put into service; connections live as long
}

func newBalancer(addrs ...string) *balancer {
	b := &balancer{}
	for _, a := range addrs {
		b.routers = append(b.routers, &balanced{addr: a})
	}
	return b
}

// line is the connection that a client may keep.
type line struct {
	*wire
	router *balanced
	served int
}

// enter begins a request on the connection that a client kept, if its router is
// still in service, or else on a new one: to the preferred router, or to another
// that is in service and takes it. It ends with leave.
func (b *balancer) enter(ctx context.Context, kept *line, preferred int) (*line, error) {
	if kept != nil {
		if b.keeps(kept) {
			return kept, nil
		}
		kept.close()
	}
	err := errors.New("no router is in service")
	for i := range b.routers {
		r := b.routers[(preferred+i)%len(b.routers)]
		served, in := b.begin(r)
		if !in {
			continue
		}
		var w *wire
		if w, err = dialWire(ctx, r.addr); err == nil {
			return &line{w, r, served}, nil
		}
		b.end(r)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
	}
	return nil, err
}

// leave ends a request.
func (b *balancer) leave(l *line) { b.end(l.router) }

func (b *balancer) begin(r *balanced) (served int, in bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !r.out {
		r.busy++
	}
	return r.served, !r.out
}

func (b *balancer) keeps(l *line) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	keeps := !l.router.out && l.router.served == l.served
	if keeps {
		l.router.busy++
	}
	return keeps
}

func (b *balancer) end(r *balanced) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.busy--
}

// takeOut takes a router out of service, and waits until it has no requests.
func (b *balancer) takeOut(t *testing.T, n int) {
	t.Helper()
	r := b.routers[n]
	b.mu.Lock()
	r.out = true
	b.mu.Unlock()
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return r.busy == 0
	}, patience, time.Millisecond)
}

// putIn puts it into service again.
func (b *balancer) putIn(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.routers[n].out = false
	b.routers[n].served++
}
