package router

import (
	"sync"
	"sync/atomic"
	"time"

	"teal/catalog"
	"teal/router/limit"
	"teal/router/stream"
)

// serviceTally is what lives on of a service. Its maps are guarded by ledger.mu.
type serviceTally struct {
	now     func() time.Time
	targets map[catalog.Target]*targetTally
	gates   map[string]*limit.Gate   // of the paused aliases
	through map[string]*atomic.Int64 // requests in flight by the name they came by

	limiter atomic.Pointer[limit.Limiter] // nil without a limit
	budget  atomic.Pointer[limit.Budget]  // of retries
	percent int                           // that the budget was made with
}

// targetTally is what lives on of a target.
type targetTally struct {
	turn      atomic.Uint64             // round robin
	handles   func() *targetMeters      // made for the first request: most targets never get one
	streams   *stream.Registry          // those that may have to leave
	answered  answered                  // what came of its requests
	instances map[string]*instanceTally // guarded by ledger.mu
	live      bool                      // an alias sent requests to it when it was last looked at; likewise
}

// instanceTally is what lives on of an instance.
type instanceTally struct {
	inFlight atomic.Int64
	aside    limit.Aside
	since    time.Time // when it was first seen; not changed
}

// available tells whether the instance may have its turn.
func (t *instanceTally) available() bool { return t.aside.Available(time.Now()) }

func newServiceTally(now func() time.Time) *serviceTally {
	return &serviceTally{now: now, targets: map[catalog.Target]*targetTally{}, gates: map[string]*limit.Gate{}, through: map[string]*atomic.Int64{}}
}

// bind gives a part, which is not published yet, its tallies.
func (s *serviceTally) bind(p *part, m *meters, now time.Time) {
	p.policy.tally = s
	if s.percent != p.policy.budget {
		s.percent = p.policy.budget
		s.budget.Store(limit.NewBudget(s.percent, retryFloor, retriesSaved, s.now))
	}
	s.limit(p.policy)
	for name, r := range p.aliases {
		if r.halt != nil && r.halt.kind == catalog.HaltPause {
			r.halt.gate = s.gate(name, r.halt.maxQueue)
		}
	}
	s.countThrough(p)
	for target, pool := range p.pools {
		tally, ok := s.targets[target]
		if !ok {
			tally = &targetTally{
				handles: sync.OnceValue(func() *targetMeters { return m.forTarget(poolKey{p.name, target}) }), streams: stream.NewRegistry(stream.Clock{}), instances: map[string]*instanceTally{},
				answered: answered{since: now},
			}
			s.targets[target] = tally
		}
		tally.bind(pool, now)
	}
}

// limit sets how many requests the service gets at once. What waits for a limit
// that is no more goes on at its end.
func (s *serviceTally) limit(p *policy) {
	limiter := s.limiter.Load()
	switch {
	case p.maxInFlight == 0:
		s.limiter.Store(nil)
	case limiter == nil:
		s.limiter.Store(limit.NewLimiter(p.maxInFlight, p.maxQueue))
	default:
		limiter.Resize(p.maxInFlight, p.maxQueue)
	}
}

// gate is that of a paused alias, shut.
func (s *serviceTally) gate(alias string, queue int) *limit.Gate {
	g, ok := s.gates[alias]
	if !ok {
		g = &limit.Gate{}
		s.gates[alias] = g
	}
	g.Shut(queue)
	return g
}

// openGates lets go whom the pauses held that are over; p is nil for a service
// that has gone.
func (s *serviceTally) openGates(p *part) {
	for alias, g := range s.gates {
		if p != nil {
			if r, ok := p.aliases[alias]; ok && r.halt != nil && r.halt.gate == g {
				continue
			}
		}
		g.Open()
		delete(s.gates, alias)
	}
}

func (t *targetTally) bind(p *pool, now time.Time) {
	p.tally = t
	fresh := len(t.instances) == 0 // nobody is warm: all begin alike
	for i := range p.backends {
		b := &p.backends[i]
		tally, ok := t.instances[b.key]
		if !ok {
			tally = &instanceTally{since: now}
			t.instances[b.key] = tally
		}
		b.tally = tally
		if end := tally.since.Add(p.policy.slowStart); !fresh && end.After(now) && end.After(p.warmAt) {
			p.warmAt = end
		}
	}
}

// retire has streams leave a target that is no longer live, and lets them stay
// where it is again.
func (t *targetTally) retire(live bool, p *pool) {
	switch {
	case t.live && !live:
		drain := DefaultDrain
		if p != nil {
			drain = p.policy.drain
		}
		t.streams.Retire(drain, spread(drain))
	case live && !t.live:
		t.streams.Keep()
	}
	t.live = live
}

// The parts of a retry budget that no service need set.
const (
	retryFloor   = 10  // retries a second that a quiet service may have
	retriesSaved = 100 // what a budget may save up for a bad moment
)

// spread is the window over which streams leave, so that their clients do not
// all come back at once.
func spread(drain time.Duration) time.Duration { return drain/2 + time.Second }

// prune forgets the instances that p, nil for none, does not have and that have
// nothing in flight. It is false while some of those have.
func (t *targetTally) prune(p *pool) bool {
	settled := true
	for key, it := range t.instances {
		switch {
		case p != nil && p.has(key):
		case it.inFlight.Load() == 0:
			delete(t.instances, key)
		default:
			settled = false
		}
	}
	return settled
}

// inFlight is how many requests the target has. The ledger's lock is held.
func (t *targetTally) inFlight() (total int64) {
	for _, it := range t.instances {
		total += it.inFlight.Load()
	}
	return total
}
