package router

import (
	"sync/atomic"
)

// countThrough has the routes of a part, which is not published yet, count by
// name the requests that come through them. Only so can a pause be waited for:
// its target may have requests of other aliases, and its requests be at targets
// of a preview.
func (s *serviceTally) countThrough(p *part) {
	for _, r := range p.named {
		r.through = s.counter(r.Name)
	}
	for _, list := range [...][]*claim{p.claims, p.tcp} {
		for _, c := range list {
			c.route.through = s.counter(c.route.Name)
		}
	}
}

func (s *serviceTally) counter(name string) *atomic.Int64 {
	n, ok := s.through[name]
	if !ok {
		n = new(atomic.Int64)
		s.through[name] = n
	}
	return n
}

// forgetNames forgets the names that a part, nil for none, does not have and
// that nothing is in flight through. It is false while some of those have.
func (s *serviceTally) forgetNames(p *part) bool {
	settled := true
	for name, n := range s.through {
		switch {
		case p.answersTo(name):
		case n.Load() == 0:
			delete(s.through, name)
		default:
			settled = false
		}
	}
	return settled
}

// answersTo tells whether a part, nil for none, has an alias or target of a name.
func (p *part) answersTo(name string) bool {
	if p == nil {
		return false
	}
	_, ok := p.named[p.name+"@"+name]
	return ok
}

// throughAlias is what the router has under way of an alias: in flight, and
// waiting for the end of a pause.
func (l *ledger) throughAlias(service, alias string) (inFlight int64, waiting int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.services[service]
	if !ok {
		return 0, 0
	}
	if n, ok := s.through[alias]; ok {
		inFlight = n.Load()
	}
	if g, ok := s.gates[alias]; ok {
		waiting = g.Waiting()
	}
	return inFlight, waiting
}

// limited is how many requests of a service are under its limit and how many
// wait for it; none where it has no limit.
func (l *ledger) limited(p *policy) (inFlight, waiting int) {
	if p.tally == nil {
		return 0, 0
	}
	limiter := p.tally.limiter.Load()
	if limiter == nil {
		return 0, 0
	}
	return limiter.InFlight(), limiter.Waiting()
}
