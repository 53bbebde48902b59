package servicefile

import (
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
)

// scope is what a part belongs to.
type scope string

const (
	scopeColour scope = "colour"
	scopeShared scope = "shared"
)

// isShared reads whether a part belongs to no colour.
func (r *reader) isShared(s types.ServiceConfig) bool {
	f := field{reader: r, path: []string{"services", s.Name, Extension}, value: s.Extensions[Extension]}
	return choice(f.mapping("scope")["scope"], scopeColour, scopeShared) == scopeShared
}

// checkShared looks at the parts that belong to no colour, when all is known.
func (r *reader) checkShared(spec *Spec) {
	byName := map[string]Part{}
	for _, p := range spec.Parts {
		byName[p.Name] = p
	}
	for _, p := range spec.Parts {
		if !p.Shared {
			r.checkVolumesOf(p, byName)
			continue
		}
		at := r.field("services", p.Name, Extension, "scope")
		if p.Name == spec.Routed {
			at.complain("part %s takes the requests and can't be shared, as each colour needs one of its own; take the scope out", p.Name)
		}
		for _, d := range p.After {
			if !byName[d.Part].Shared {
				r.complain([]string{"services", p.Name, "depends_on"}, "part %s is shared and waits for %s, of which each colour has one; make that shared too, or let %s wait for nothing", p.Name, d.Part, p.Name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(spec.Environments)) {
			if env := spec.Environments[name]; len(env.Hosts) > 1 || len(env.Selector) > 0 {
				at.reader.warn(at.path, "part %s is shared by the colours and not by the hosts: each host of %s has one of its own, with data of its own", p.Name, name)
			}
		}
	}
}

// checkVolumesOf looks for volumes that a part of a colour seems to have in common
// with a shared one.
func (r *reader) checkVolumesOf(p Part, byName map[string]Part) {
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		other := byName[name]
		for _, v := range p.Volumes {
			same := func(o PartVolume) bool { return o.Private && o.Source == v.Source }
			if other.Shared && v.Private && slices.ContainsFunc(other.Volumes, same) {
				r.warn([]string{"services", p.Name, "volumes"}, "part %s and the shared part %s each have a volume %s of their own; for one in common, give it a name in the top-level volumes, such as %s: {name: %s}", p.Name, name, v.Source, v.Source, v.Source)
			}
		}
	}
}
