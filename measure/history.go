package measure

import (
	"cmp"
	"slices"

	"teal/catalog"
)

// History is what is known of a service in one environment.
type History struct {
	Service     string
	Environment string
	// Deployments are the records, in any order; those of other environments are
	// passed over.
	Deployments []catalog.Deployment
	// Flip is the last flip through Teal of the environment's own alias; zero where
	// none is known. It may be newer than Deployments.
	Flip catalog.FlipRecord
	// Alias is what that alias points at now; zero where that is not known.
	Alias catalog.AliasValue
}

// Histories are those of all environments that a service has records of, by
// environment. s is what is known of it now; nil for nothing.
func Histories(service string, deployments []catalog.Deployment, s *catalog.Service) []History {
	of := map[string][]catalog.Deployment{}
	for _, d := range deployments {
		of[d.Environment] = append(of[d.Environment], d)
	}
	histories := make([]History, 0, len(of))
	for env, records := range of {
		h := History{Service: service, Environment: env, Deployments: records}
		if s != nil {
			h.Flip, h.Alias = s.Flips[env], s.Aliases[env].Value
		}
		histories = append(histories, h)
	}
	slices.SortFunc(histories, func(a, b History) int { return cmp.Compare(a.Environment, b.Environment) })
	return histories
}

// changes are the deployments as their users met them, in the order in which they
// got the lock.
func (h History) changes() []*change {
	var list []*change
	for _, d := range h.Deployments {
		if d.Environment == h.Environment && len(d.Timeline) > 0 {
			list = append(list, changeOf(d))
		}
	}
	slices.SortFunc(list, func(a, b *change) int {
		return cmp.Or(a.locked.Compare(b.locked), cmp.Compare(a.record.ID, b.record.ID))
	})
	return list
}
