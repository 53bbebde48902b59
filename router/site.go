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
	root     *slot           // of the prefix "/"
	prefixes cow.Map[*slot]  // "/cart/new": no closing slash
	depths   [maxDepth]int32 // how many prefixes have that many segments, less one
}

// maxDepth is how many segments a declared prefix may have.
const maxDepth = 32

// slot is who wants one prefix of one host. It is immutable.
type slot struct {
	claims []*claim // the first has it
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
		return &slot{claims: []*claim{c}}
	}
	claims := append(slices.Clone(s.claims), c)
	slices.SortStableFunc(claims, (*claim).before)
	return &slot{claims: claims}
}

// without is the slot less a claim; nil when nobody is left.
func (s *slot) without(c *claim) *slot {
	claims := slices.DeleteFunc(slices.Clone(s.claims), func(o *claim) bool { return o == c })
	if len(claims) == 0 {
		return nil
	}
	return &slot{claims: claims}
}

// change is the site with another slot at a prefix, and that slot. It answers a
// nil site when nothing is left.
func (s *site) change(prefix string, f func(*slot) *slot) (*site, *slot) {
	next := &site{}
	if s != nil {
		*next = *s
	}
	if prefix == "" {
		next.root = f(next.root)
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
	return next.orNil(), slot
}

func (s *site) orNil() *site {
	if s.root == nil && s.prefixes.Len() == 0 {
		return nil
	}
	return s
}

// longest finds the route of the longest prefix that ends at a segment's border,
// and how many segments that prefix has. path begins with a slash.
func (s *site) longest(path string) (route *Route, segments int) {
	if s == nil {
		return nil, 0
	}
	if s.root != nil {
		route = s.root.holder().route
	}
	left := s.prefixes.Len()
	for at, d := 0, 0; left > 0 && d < maxDepth && at < len(path); d++ {
		at = segmentEnd(path, at)
		if s.depths[d] == 0 {
			continue
		}
		left -= int(s.depths[d])
		if slot, ok := s.prefixes.Get(path[:at]); ok {
			route, segments = slot.holder().route, d+1
		}
	}
	return route, segments
}
