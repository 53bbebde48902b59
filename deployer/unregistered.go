package deployer

import (
	"fmt"
	"slices"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/work"
)

// Unregistered is a container that runs and takes requests, and of which Consul
// knows no instance.
type Unregistered struct {
	Host      string // its endpoint
	Container string
}

// String is a sentence without a full stop, with what to do.
func (u Unregistered) String() string {
	return fmt.Sprintf("%s on %s runs, but is registered by nobody; see that the registrator of that host runs, and what `teal registrator problems` says there", u.Container, u.Host)
}

// unregistered are those of a target's containers that have no instance. It is
// pure.
func unregistered(there []work.Placed, s *catalog.Service, t catalog.Target) []Unregistered {
	var all []Unregistered
	for _, c := range there {
		if !c.Running || !plan.IsRegistered(c.Container) || hasInstance(s, t, c.Container) {
			continue
		}
		all = append(all, Unregistered{Host: c.Place, Container: c.Name})
	}
	slices.SortFunc(all, func(a, b Unregistered) int {
		return slices.Compare([]string{a.Host, a.Container}, []string{b.Host, b.Container})
	})
	return all
}

// hasInstance tells whether an instance of a target is a container's, or may be, as
// it does not say whose it is.
func hasInstance(s *catalog.Service, t catalog.Target, c catalog.Container) bool {
	return slices.ContainsFunc(s.Instances, func(i catalog.Instance) bool {
		return i.Target == t && isOneOf(i, []catalog.Container{c})
	})
}
