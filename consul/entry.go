package consul

import (
	"cmp"
	"slices"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// understand turns Consul's answer about one service into instances, ordered by
// node and id, and the problems of those that could not be read.
func understand(entries []*api.ServiceEntry) reading[[]catalog.Instance] {
	var instances []catalog.Instance
	var problems []catalog.Problem
	for _, e := range entries {
		instance, problem, ok := catalog.ParseInstance(entryOf(e))
		if problem != nil {
			problems = append(problems, *problem)
		}
		if ok {
			instances = append(instances, instance)
		}
	}
	slices.SortFunc(instances, func(a, b catalog.Instance) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(problems, func(a, b catalog.Problem) int { return cmp.Compare(a.Subject, b.Subject) })
	return reading[[]catalog.Instance]{instances, problems}
}

func entryOf(e *api.ServiceEntry) catalog.Entry {
	entry := catalog.Entry{
		ID: e.Service.ID, Service: e.Service.Service, Node: e.Node.Node,
		Address: cmp.Or(e.Service.Address, e.Node.Address), Port: e.Service.Port,
		Tags: e.Service.Tags, Meta: e.Service.Meta,
		Weights: catalog.Weights{Passing: e.Service.Weights.Passing, Warning: e.Service.Weights.Warning},
	}
	for _, c := range e.Checks {
		entry.Checks = append(entry.Checks, catalog.CheckStatus{
			ID: c.CheckID, Name: c.Name, Status: catalog.Health(c.Status), Output: c.Output, OfNode: c.ServiceID == "",
		})
	}
	slices.SortFunc(entry.Checks, func(a, b catalog.CheckStatus) int { return cmp.Compare(a.ID, b.ID) })
	return entry
}

// stamp is which state of a service was read.
type stamp struct {
	index  uint64 // of the answer
	newest uint64 // when one of its instances was last registered
}

func stampOf(entries []*api.ServiceEntry, meta *api.QueryMeta) stamp {
	s := stamp{index: meta.LastIndex}
	for _, e := range entries {
		s.newest = max(s.newest, e.Service.ModifyIndex)
	}
	return s
}
