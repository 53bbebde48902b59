package router

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"teal/catalog/cow"
)

// site is what is declared for one host, by path prefix. It is immutable; nil
// has nothing.
//
// Prefixes are found segment by segment in a map, the longest last. A radix tree
// would compare bytes instead, but a change would copy its nodes up to the root,
// which for routes of any host has a child for each service.
type site struct {
	all      lead            // of the prefix "/"; the first fields share a cache line
	prefixes cow.Map[*slot]  // "/cart/new": no closing slash
	few      []prefix        // all of prefixes, the longest first, as long as they are few and short
	root     *slot           // of the prefix "/"
	depths   [maxDepth]int32 // how many prefixes have that many segments, less one
}

const (
	// maxDepth is how many segments a declared prefix may have.
	maxDepth = 32

	// maxFew is how many prefixes are compared one by one, which for a few is
	// quicker than to look them up.
	maxFew = 8
)

// prefix is a declared prefix and where it leads. Its text lies in it: to reach
// for it elsewhere would be to wait for memory.
type prefix struct {
	lead
	segments uint8
	len      uint8
	text     [maxPrefix]byte
}

// maxPrefix is the longest prefix that is among a few.
const maxPrefix = 46

// lead is where a declared route leads. What Lookup needs of the route lies
// beside it, as to reach for the route itself is to wait for memory.
type lead struct {
	route *Route
	strip bool
}

// slot is who wants one prefix of one host. It is immutable.
type slot struct {
	lead            // of the holder
	claims []*claim // the first has it
}

func newSlot(claims []*claim) *slot {
	r := claims[0].route
	return &slot{lead{r, r.Strip}, claims}
}

// claim is a declared route that a service wants.
type claim struct {
	service string
	host    string // bare and in lower case; empty for any, "*.example.com" for all below
	prefix  string // without a closing slash; empty for all paths
	text    string // as it was declared
	route   *Route

	since     time.Time // when the service declared it first
	seniority uint64    // of the service, smaller for who was there earlier
}

// before is the order in which claims are heard: whoever declared the route
// first, then whose configuration has been in Consul the longest, then by name.
// All routers so agree, and a newcomer never takes a route that is in use.
func (c *claim) before(o *claim) int {
	return cmp.Or(c.since.Compare(o.since), cmp.Compare(c.seniority, o.seniority), cmp.Compare(c.service, o.service))
}

func (s *slot) holder() *claim { return s.claims[0] }

// with adds a claim. Of one service the first stays, as it is its own doing.
func (s *slot) with(c *claim) *slot {
	if s == nil {
		return newSlot([]*claim{c})
	}
	claims := append(slices.Clone(s.claims), c)
	slices.SortStableFunc(claims, (*claim).before)
	return newSlot(claims)
}

// without is the slot less a claim; nil when nobody is left.
func (s *slot) without(c *claim) *slot {
	claims := slices.DeleteFunc(slices.Clone(s.claims), func(o *claim) bool { return o == c })
	if len(claims) == 0 {
		return nil
	}
	return newSlot(claims)
}

// change is the site with another slot at a prefix, and that slot. It answers a
// nil site when nothing is left.
func (s *site) change(prefix string, f func(*slot) *slot) (*site, *slot) {
	next := &site{}
	if s != nil {
		*next = *s
	}
	if prefix == "" {
		next.root, next.all = f(next.root), lead{}
		if next.root != nil {
			next.all = next.root.lead
		}
		return next.orNil(), next.root
	}
	old, had := next.prefixes.Get(prefix)
	slot := f(old)
	edit := next.prefixes.Edit()
	depth := &next.depths[strings.Count(prefix, "/")-1]
	switch {
	case slot == nil:
		edit.Delete(prefix)
		*depth--
	default:
		edit.Set(prefix, slot)
		if !had {
			*depth++
		}
	}
	next.prefixes = edit.Done()
	next.few = fewOf(next.prefixes)
	return next.orNil(), slot
}

// fewOf is a few prefixes, the longest first; nil if they are more than a few or
// one is too long.
func fewOf(prefixes cow.Map[*slot]) []prefix {
	if prefixes.Len() > maxFew {
		return nil
	}
	var few []prefix
	for text, slot := range prefixes.All() {
		if len(text) > maxPrefix {
			return nil
		}
		p := prefix{lead: slot.lead, segments: uint8(strings.Count(text, "/"))}
		p.len = uint8(copy(p.text[:], text))
		few = append(few, p)
	}
	slices.SortFunc(few, func(a, b prefix) int { return cmp.Compare(b.len, a.len) }) // of one length none holds where another does
	return few
}

func (s *site) orNil() *site {
	if s.root == nil && s.prefixes.Len() == 0 {
		return nil
	}
	return s
}

// longest finds the route of the longest prefix that ends at a segment's border,
// and how many segments that prefix has. path begins with a slash.
func (s *site) longest(path string) (to lead, segments int) {
	if s == nil {
		return lead{}, 0
	}
	to = s.all
	for i := range s.few {
		if p := &s.few[i]; p.holds(path) {
			return p.lead, int(p.segments)
		}
	}
	if s.few != nil {
		return to, 0
	}
	left := s.prefixes.Len()
	for at, d := 0, 0; left > 0 && d < maxDepth && at < len(path); d++ {
		at = segmentEnd(path, at)
		if s.depths[d] == 0 {
			continue
		}
		left -= int(s.depths[d])
		if slot, ok := s.prefixes.Get(path[:at]); ok {
			to, segments = slot.lead, d+1
		}
	}
	return to, segments
}

// holds tells whether a path is the prefix or goes on with a segment.
func (p *prefix) holds(path string) bool {
	n := int(p.len)
	return len(path) >= n && path[:n] == string(p.text[:n]) && (len(path) == n || path[n] == '/')
}
