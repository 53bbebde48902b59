package hosts

import (
	"slices"
	"strings"

	"teal/catalog"
	"teal/deployer/plan"
)

// leftovers is what becomes of the containers that a target already has.
type leftovers struct {
	keep    []catalog.Container // put aside until the flip
	discard []catalog.Container // debris of a revert that could not reach the host
}

// arrange tells what to keep of a target's containers. Where a name is there
// twice, with and without the suffix, the one that belongs to the recorded
// release is kept. It is pure.
func arrange(existing []catalog.Container, recorded *catalog.Release) leftovers {
	byName := map[string][]catalog.Container{}
	var names []string
	var l leftovers
	for _, c := range existing {
		if plan.IsTask(c) {
			l.discard = append(l.discard, c)
			continue
		}
		name := strings.TrimSuffix(c.Name, plan.PreviousSuffix)
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], c)
	}
	for _, name := range names {
		keep := slices.IndexFunc(byName[name], func(c catalog.Container) bool {
			return recorded != nil && c.Labels[catalog.LabelDeployment] == recorded.Deployment
		})
		if keep < 0 {
			keep = max(0, slices.IndexFunc(byName[name], func(c catalog.Container) bool { return c.Name == name }))
		}
		for n, c := range byName[name] {
			if n == keep {
				l.keep = append(l.keep, c)
			} else {
				l.discard = append(l.discard, c)
			}
		}
	}
	return l
}
