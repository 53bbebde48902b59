package limit

import (
	"container/list"
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Limiter bounds how many requests are in flight at once, and how many wait for
// that. Who waits is served in the order of coming, and nobody overtakes. Its
// methods may be called from any goroutine.
type Limiter struct {
	// state holds both numbers, so that neither changes while somebody decides by
	// the other: requests in flight in the low half, waiting in the high one.
	state atomic.Uint64
	max   atomic.Uint32

	mu    sync.Mutex // guards what follows, changes of max and of how many wait
	queue int
	line  line
}

// waiter is one who waits, in Limiter.state.
const waiter = 1 << 32

func inFlight(state uint64) uint32 { return uint32(state) }
func waiting(state uint64) uint32  { return uint32(state >> 32) }

// NewLimiter lets at most so many requests be in flight, any number if that is
// 0, and at most queue wait.
func NewLimiter(most, queue int) *Limiter {
	l := &Limiter{}
	l.Resize(most, queue)
	return l
}

// Acquire lets a request go, for which Release must be called, or says why it
// may not: ErrFull, ErrWaited after it has waited so long, or the context's
// error.
func (l *Limiter) Acquire(ctx context.Context, wait time.Duration) error {
	return l.acquire(ctx, wait, false)
}

// AcquireBeyond is Acquire for a request that may wait however many do already.
func (l *Limiter) AcquireBeyond(ctx context.Context, wait time.Duration) error {
	return l.acquire(ctx, wait, true)
}

func (l *Limiter) acquire(ctx context.Context, wait time.Duration, beyond bool) error {
	for {
		s := l.state.Load()
		if waiting(s) > 0 || inFlight(s) >= l.max.Load() {
			return l.acquireInLine(ctx, wait, beyond)
		}
		if l.state.CompareAndSwap(s, s+1) {
			return nil
		}
	}
}

func (l *Limiter) acquireInLine(ctx context.Context, wait time.Duration, beyond bool) error {
	place, err := l.join(beyond)
	if place == nil {
		return err
	}
	if err = await(ctx, place, wait); err == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.line.leave(place) {
		return nil // its turn came at the last moment
	}
	l.state.Add(^uint64(waiter - 1)) // one less
	return err
}

// join takes a place in the line. There is none, and no error, if the request
// may go at once after all.
func (l *Limiter) join(beyond bool) (*list.Element, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		s := l.state.Load()
		switch {
		case waiting(s) == 0 && inFlight(s) < l.max.Load():
			if l.state.CompareAndSwap(s, s+1) {
				return nil, nil
			}
		case l.line.len() >= l.queue && !beyond:
			return nil, ErrFull
		case l.state.CompareAndSwap(s, s+waiter): // from here on Release looks at the line
			return l.line.join(), nil
		}
	}
}

// Release ends a request that Acquire has let go.
func (l *Limiter) Release() {
	for {
		s := l.state.Load()
		if waiting(s) > 0 {
			l.releaseToLine()
			return
		}
		if l.state.CompareAndSwap(s, s-1) {
			return
		}
	}
}

func (l *Limiter) releaseToLine() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Add(^uint64(0)) // one less
	l.serve()
}

// serve lets go who may. It is called with the lock held.
func (l *Limiter) serve() {
	for {
		s := l.state.Load()
		if waiting(s) == 0 || inFlight(s) >= l.max.Load() {
			return
		}
		if l.state.CompareAndSwap(s, s-waiter+1) {
			l.line.next()
		}
	}
}

// Resize changes the bounds, as NewLimiter takes them. Nobody who is in flight
// or waits already is turned away.
func (l *Limiter) Resize(most, queue int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if most <= 0 || most > math.MaxUint32 {
		most = math.MaxUint32
	}
	l.max.Store(uint32(most))
	l.queue = queue
	l.serve()
}

// InFlight is how many requests are under way.
func (l *Limiter) InFlight() int { return int(inFlight(l.state.Load())) }

// Waiting is how many requests wait.
func (l *Limiter) Waiting() int { return int(waiting(l.state.Load())) }
