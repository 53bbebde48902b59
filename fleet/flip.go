package fleet

import (
	"fmt"
	"maps"
	"slices"

	"teal/catalog"
)

// Flip is a flip that Consul has committed and that is to be seen through.
type Flip struct {
	Service string
	Index   uint64           // of the alias since; 0 has been applied by everybody
	Old     []catalog.Target // that lost the alias's requests
	New     []catalog.Target // that get them
}

// Lost are the targets that got requests through from and get none through to.
func Lost(from, to catalog.AliasValue) []catalog.Target {
	var lost []catalog.Target
	for _, t := range from.Live() {
		if !to.Sends(t) {
			lost = append(lost, t)
		}
	}
	return lost
}

// asked are the targets to ask a router about. Where none was lost, any says what
// the router has applied.
func (f Flip) asked() []catalog.Target {
	if len(f.Old) == 0 {
		return f.New[:min(1, len(f.New))]
	}
	return f.Old
}

// stillLive says which of the targets some alias sends requests to, in words;
// empty when none does. Such a target is never done with.
func stillLive(s *catalog.Service, targets []catalog.Target) string {
	for _, t := range targets {
		names := slices.Collect(maps.Keys(s.Aliases))
		names = append(names, t.Environment) // an uncoloured environment's own alias needs no key
		slices.Sort(names)
		for _, name := range names {
			if a, ok := s.Resolve(name); ok && a.Value.Sends(t) {
				return fmt.Sprintf("%s gets requests again or still: alias %s points at %s", t, name, a.Value)
			}
		}
	}
	return ""
}
