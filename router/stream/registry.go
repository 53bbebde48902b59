package stream

import (
	"container/list"
	"sync"
	"time"
)

// Leaver is a stream that can be asked to end. Leave returns at once; the stream
// ends later.
type Leaver interface {
	Leave()
}

// Registry holds the live streams of one target and lets them leave when it is
// retired. It has one timer, however many streams there are. Its methods may be
// called from any goroutine, though not from within a Leave.
type Registry struct {
	clock Clock

	mu      sync.Mutex
	streams list.List // of *member, the oldest first, and so in the order of their times
	retired bool
	after   time.Duration // how long a stream may stay that comes while retired
	stop    func() bool   // the timer of the first stream
}

// member is a live stream.
type member struct {
	stream Leaver
	due    time.Time // when it is to leave; only of interest while retired
}

// NewRegistry is one without streams, not retired.
func NewRegistry(clock Clock) *Registry { return &Registry{clock: clock} }

// Add takes in a stream. remove takes it out once it has ended, whether or not
// it was asked to leave; it may be called again. While the registry is retired a
// new stream gets the same drain time from now on.
func (r *Registry) Add(s Leaver) (remove func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &member{stream: s}
	if r.retired {
		m.due = r.clock.now().Add(r.after)
		if last := r.streams.Back(); last != nil && last.Value.(*member).due.After(m.due) {
			m.due = last.Value.(*member).due
		}
	}
	e := r.streams.PushBack(m)
	if r.retired && r.streams.Len() == 1 {
		r.schedule()
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.streams.Remove(e) // nothing if it has left
	}
}

// Len is how many live streams there are that were not asked to leave.
func (r *Registry) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streams.Len()
}

// Retire lets the streams leave once after has passed, the oldest first, spread
// evenly over window. When it is called again a stream leaves at the earlier of
// its times.
func (r *Registry) Retire(after, window time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	begin, n, i := r.clock.now().Add(after), r.streams.Len(), 0
	for e := r.streams.Front(); e != nil; e = e.Next() {
		m := e.Value.(*member)
		due := begin.Add(Spread(n, window, i))
		if !r.retired || due.Before(m.due) {
			m.due = due
		}
		i++
	}
	if !r.retired || after < r.after {
		r.after = after
	}
	r.retired = true
	r.schedule()
}

// Keep lets the streams stay that were not asked to leave yet: the target is
// live again.
func (r *Registry) Keep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retired = false
	r.schedule()
}

// schedule sets the timer for the first stream. It is called with the lock held.
func (r *Registry) schedule() {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
	if first := r.streams.Front(); r.retired && first != nil {
		wait := first.Value.(*member).due.Sub(r.clock.now())
		r.stop = r.clock.afterFunc(max(0, wait), r.leave)
	}
}

// leave asks the streams to leave whose time has come. Whoever wakes it up may
// be late or early: only their times count.
func (r *Registry) leave() {
	for _, s := range r.due() {
		s.Leave()
	}
}

// due takes out the streams whose time has come.
func (r *Registry) due() []Leaver {
	r.mu.Lock()
	defer r.mu.Unlock()
	var due []Leaver
	now := r.clock.now()
	for e := r.streams.Front(); r.retired && e != nil; e = r.streams.Front() {
		m := e.Value.(*member)
		if m.due.After(now) {
			break
		}
		due = append(due, m.stream)
		r.streams.Remove(e)
	}
	r.schedule()
	return due
}

// Spread is how long after the first the i-th of n streams leaves, so that all
// have left just before window has passed.
func Spread(n int, window time.Duration, i int) time.Duration {
	if n <= 0 || window <= 0 {
		return 0
	}
	return time.Duration(float64(window) * float64(i) / float64(n))
}
