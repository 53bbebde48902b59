package router

import (
	"sync/atomic"

	"teal/catalog"
)

// Route is where a stable URI leads: to an alias of a service, or to one of its
// targets by name. It is immutable once its table is published.
type Route struct {
	Service string
	Name    string             // the alias or target, as the URI spells it
	Alias   string             // empty when the URI names a target
	Value   catalog.AliasValue // what Name points at; zero while it points at nothing
	Strip   bool               // take the matched path prefix off
	Preview bool               // answers to preview networks only

	declared bool // by the service itself, not given by Teal
	policy   *policy
	split    split
	previews []*preview // tried in order before the split
	halt     *halt      // nil unless the alias is halted
	// through counts the requests in flight that came by this name, by all its
	// routes and of all tables; set before publication.
	through *atomic.Int64
}

// pick chooses an instance: of the target that ticket draws or, where that has
// nobody left to try, of another one of the route. It answers nil when nobody is
// left.
func (s *split) pick(ticket uint32, tried []string) (*pool, *backend) {
	if len(s.able) == 0 {
		return nil, nil
	}
	first := s.draw(ticket)
	if b := first.next(tried); b != nil {
		return first, b
	}
	for i := range s.able {
		if p := s.able[i].pool; p != first {
			if b := p.next(tried); b != nil {
				return p, b
			}
		}
	}
	return nil, nil
}
