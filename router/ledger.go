package router

import (
	"sync"
	"time"

	"teal/catalog"
	"teal/fleet"
)

// ledger keeps what lives on across tables: the same instance keeps its counter
// and its health, and one that has gone keeps them until nothing is in flight on
// it.
type ledger struct {
	meters *meters
	now    func() time.Time
	began  time.Time // of all counting

	mu       sync.Mutex
	services map[string]*serviceTally
	leaving  map[string]bool // services with instances that have gone but not drained
}

func newLedger(m *meters, now func() time.Time) *ledger {
	return &ledger{meters: m, now: now, began: now(), services: map[string]*serviceTally{}, leaving: map[string]bool{}}
}

// bind gives the parts of the changed services what lives on of them. The table
// must not be published yet.
func (l *ledger) bind(t *Table, changed []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range changed {
		p, ok := t.parts.Get(name)
		if !ok || p.policy == nil {
			continue
		}
		s, known := l.services[name]
		if !known {
			s = newServiceTally(l.now)
			l.services[name] = s
		}
		s.bind(p, l.meters, l.now())
	}
}

// published follows the publication of a table. It forgets what the table does
// not use and what has nothing in flight: only then can no claim on an older
// table become good any more. It lets go whom a halt held that is over, and has
// streams leave the targets that are no longer live.
func (l *ledger) published(t *Table, changed []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range changed {
		l.leaving[name] = true
	}
	for name := range l.leaving {
		if l.settle(name, t.parts.At(name)) {
			delete(l.leaving, name)
		}
	}
}

// settle forgets what is left of a service beside its part, nil for none. It is
// false while something is in flight there.
func (l *ledger) settle(name string, p *part) bool {
	s, ok := l.services[name]
	if !ok {
		return true
	}
	s.openGates(p)
	settled := s.forgetNames(p)
	for target, tally := range s.targets {
		pool := p.pool(target)
		tally.retire(p != nil && p.live(target), pool)
		if !tally.prune(pool) {
			settled = false
		}
		if pool == nil && len(tally.instances) == 0 {
			delete(s.targets, target)
			l.meters.forget(poolKey{name, target})
		}
	}
	if p == nil && len(s.targets) == 0 && settled {
		delete(l.services, name)
	}
	return settled
}

// inFlight is how many requests a target has in flight, in all and by instance
// key, those on instances that have gone included.
func (l *ledger) inFlight(service string, target catalog.Target) (total int64, byInstance map[string]int64) {
	byInstance = map[string]int64{}
	l.eachInstance(service, target, func(key string, t *instanceTally) {
		n := t.inFlight.Load()
		byInstance[key] = n
		total += n
	})
	return total, byInstance
}

// eachInstance calls f with each instance of a target that is known or has not
// drained yet.
func (l *ledger) eachInstance(service string, target catalog.Target, f func(key string, t *instanceTally)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.services[service]
	if !ok {
		return
	}
	tally, ok := s.targets[target]
	if !ok {
		return
	}
	for key, t := range tally.instances {
		f(key, t)
	}
}

// traffic is what came of a target's requests. An unknown target has had none
// since the ledger began.
func (l *ledger) traffic(service string, target catalog.Target) fleet.Traffic {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, ok := l.services[service]; ok {
		if tally, ok := s.targets[target]; ok {
			return tally.answered.reading()
		}
	}
	return fleet.Traffic{Since: l.began, Buckets: []fleet.Bucket{}}
}

// total is how many requests are in flight in all.
func (l *ledger) total() (total int64) {
	l.each(func(_ poolKey, t *targetTally) { total += t.inFlight() })
	return total
}

// each calls f with every target.
func (l *ledger) each(f func(key poolKey, t *targetTally)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, s := range l.services {
		for target, tally := range s.targets {
			f(poolKey{name, target}, tally)
		}
	}
}

// leaveStreams has every stream of every target leave after a while, spread over a
// window: the router ends.
func (l *ledger) leaveStreams(after, window time.Duration) {
	l.each(func(_ poolKey, t *targetTally) { t.streams.Retire(after, window) })
}
