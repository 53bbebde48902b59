package router

import (
	"time"

	"teal/catalog"
)

// aliasView is an alias as the admin API and the catalogue page show it.
type aliasView struct {
	Name          string             `json:"name"`
	Value         catalog.AliasValue `json:"value"`
	Targets       []shareView        `json:"targets"`
	Sticky        *stickyView        `json:"sticky,omitempty"` // of a split
	Halt          *haltView          `json:"halt,omitempty"`
	InFlight      int64              `json:"in_flight"` // requests that came through it, wherever they went
	Index         uint64             `json:"index"`
	URI           string             `json:"uri"`
	Implied       bool               `json:"implied,omitempty"` // an uncoloured environment's own name
	FlippedByHand bool               `json:"flipped_by_hand"`
	LastFlip      *flipView          `json:"last_flip,omitempty"`
}

// shareView is a target's part of an alias.
type shareView struct {
	Target  catalog.Target `json:"target"`
	Weight  int            `json:"weight"`
	Percent float64        `json:"percent"` // as the weights say
	Now     float64        `json:"now"`     // while those get nothing that have nobody to answer
}

// stickyView is what keeps clients on their side of a split.
type stickyView struct {
	By   catalog.StickyBy `json:"by"`
	Name string           `json:"name,omitempty"` // of the cookie or header
}

// haltView is a halt and what it holds in this router.
type haltView struct {
	Kind      catalog.HaltKind `json:"kind"`
	Since     time.Time        `json:"since,omitzero"`
	By        string           `json:"by,omitempty"`
	MaxWaitMS int64            `json:"max_wait_ms,omitempty"` // of a request
	MaxQueue  int              `json:"max_queue,omitempty"`
	Waiting   int              `json:"waiting"` // requests
}

// alias shows an alias that the table has, and what is under way of it. The
// counters are read after the table was, as those of targets are.
func (v viewer) alias(s *catalog.Service, r *Route) aliasView {
	view := aliasView{Name: r.Alias, Value: r.Value, Targets: r.split.parts(r.Value), URI: v.uris.of(r.Service, r.Alias, r.Alias)}
	if len(r.split.all) > 1 {
		view.Sticky = r.stickiness()
	}
	var waiting int
	view.InFlight, waiting = v.ledger.throughAlias(r.Service, r.Alias)
	if h, ok := s.Halts[r.Alias]; ok && r.halt != nil {
		view.Halt = &haltView{Kind: h.Kind, Since: h.At, By: h.By, Waiting: waiting}
		if h.Kind == catalog.HaltPause {
			view.Halt.MaxWaitMS, view.Halt.MaxQueue = r.halt.maxWait.Milliseconds(), r.halt.maxQueue
		}
	}
	a, keyed := s.Aliases[r.Alias]
	view.Implied = !keyed && !r.Value.IsZero()
	view.Index, view.FlippedByHand = a.Index, s.FlippedByHand(r.Alias)
	if f, ok := s.Flips[r.Alias]; ok {
		view.LastFlip = &flipView{FlipRecord: f, Index: f.Index}
	}
	return view
}

// parts are the targets of a value, as the split sends them requests.
func (s *split) parts(v catalog.AliasValue) []shareView {
	views, sum := []shareView{}, 0
	for _, one := range v.Shares {
		sum += one.Weight
	}
	now := s.able
	for _, one := range v.Shares {
		view := shareView{Target: one.Target, Weight: one.Weight, Percent: percent(one.Weight, sum)}
		from := 0
		for _, a := range now {
			if a.pool.target == one.Target {
				view.Now = percent(a.upto-from, total(now))
			}
			from = a.upto
		}
		views = append(views, view)
	}
	return views
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// stickiness is what keeps clients on their side of the route's split.
func (r *Route) stickiness() *stickyView {
	view := &stickyView{By: r.policy.stickyBy()}
	switch view.By {
	case catalog.StickyCookie:
		view.Name = r.cookieName()
	case catalog.StickyHeader:
		view.Name = r.policy.sticky.Name
	}
	return view
}
