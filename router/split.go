package router

import (
	"slices"

	"teal/catalog"
)

// split is the targets of a route, each with its part of all requests. One that
// has a single target is a split too.
type split struct {
	all  []share // all that get a part, in the order of their names
	able []share // those of all that have somebody to answer
}

// share is one target's part, as an interval that begins where the one before
// ends.
type share struct {
	pool *pool // nil where nothing was ever deployed
	upto int
}

// newSplit lays the targets out in the order of their names, so that a client
// with the same ticket stays where it is while the weights move in one direction.
func newSplit(v catalog.AliasValue, pools map[catalog.Target]*pool) split {
	shares := slices.Clone(v.Shares)
	slices.SortFunc(shares, func(a, b catalog.Share) int { return compareTargets(a.Target, b.Target) })
	var s split
	for _, one := range shares {
		s.all = appendShare(s.all, pools[one.Target], one.Weight)
	}
	// A held target gets requests only where no other can take them.
	s.able = s.those(func(p *pool) bool { return p != nil && len(p.backends) > 0 && !p.held })
	if len(s.able) == 0 {
		s.able = s.those(func(p *pool) bool { return p != nil && len(p.backends) > 0 })
	}
	return s
}

func appendShare(shares []share, p *pool, weight int) []share {
	if weight <= 0 {
		return shares
	}
	return append(shares, share{pool: p, upto: total(shares) + weight})
}

func total(shares []share) int {
	if len(shares) == 0 {
		return 0
	}
	return shares[len(shares)-1].upto
}

// those are the shares whose pools are wanted, with the weights they have.
func (s *split) those(wanted func(*pool) bool) []share {
	var list []share
	from := 0
	for _, one := range s.all {
		if wanted(one.pool) {
			list = appendShare(list, one.pool, one.upto-from)
		}
		from = one.upto
	}
	return list
}

// draw is the target of a ticket. Tickets of a target that has nobody go to the
// others by their weights; all other tickets stay.
func (s *split) draw(ticket uint32) *pool {
	if len(s.able) == 1 {
		return s.able[0].pool
	}
	if len(s.able) == len(s.all) {
		return find(s.able, ticket)
	}
	p := find(s.all, ticket)
	for i := range s.able {
		if s.able[i].pool == p {
			return p
		}
	}
	return find(s.able, ticket*goldenRatio) // mixed, else all would fall on one end
}

// find is the share whose interval holds the ticket, taken as a fraction of the
// whole.
func find(shares []share, ticket uint32) *pool {
	n := int(uint64(ticket) * uint64(total(shares)) >> 32)
	for i := range shares {
		if n < shares[i].upto {
			return shares[i].pool
		}
	}
	return shares[len(shares)-1].pool
}
