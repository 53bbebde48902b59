package plan

import (
	"cmp"
	"slices"

	"teal/catalog"
)

// Surplus are the kept containers of a service in an environment, on one host,
// beyond the newest releases that stay: as many as keep says, with those that
// targets hold counted in. What is held, or kept twice, is kept but once; what
// runs is nobody's to remove. It is pure.
func Surplus(there []catalog.Container, keep int) []catalog.Container {
	stay := map[string]bool{} // by release
	var kept []catalog.Container
	for _, c := range there {
		switch {
		case IsKept(c):
			kept = append(kept, c)
		case !IsShared(c) && !IsTask(c) && !IsAside(c):
			stay[c.Labels[catalog.LabelRelease]] = true
		}
	}
	slices.SortStableFunc(kept, func(a, b catalog.Container) int {
		return cmp.Compare(b.Labels[catalog.LabelDeployment], a.Labels[catalog.LabelDeployment])
	})
	stays := map[string]bool{} // by deployment
	var beyond []catalog.Container
	for _, c := range kept {
		brought, release := c.Labels[catalog.LabelDeployment], c.Labels[catalog.LabelRelease]
		if _, decided := stays[brought]; !decided {
			stays[brought] = !stay[release] && len(stay) < keep
			stay[release] = stay[release] || stays[brought]
		}
		if !stays[brought] && !c.Running {
			beyond = append(beyond, c)
		}
	}
	return beyond
}
