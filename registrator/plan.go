package registrator

import (
	"fmt"

	"teal/catalog"
)

// Changes are the writes that make the agent know what it should.
type Changes struct {
	Register   []catalog.Registration // by id
	Deregister []string               // ids, in order
	Problems   []catalog.Problem      // what can't be written
}

// Empty tells whether there is nothing to write.
func (c Changes) Empty() bool { return len(c.Register) == 0 && len(c.Deregister) == 0 }

// Plan compares what the agent should know of an owner's containers with all it
// knows. What others have registered is never touched: it is neither removed nor
// replaced.
func Plan(desired, actual []catalog.Registration, owner string) Changes {
	var changes Changes
	wanted, present := byID(desired), byID(actual)
	for _, id := range sortedIDs(wanted) {
		r, found := present[id]
		switch {
		case !found || (owned(r, owner) && !wanted[id].Same(r)):
			changes.Register = append(changes.Register, wanted[id])
		case !owned(r, owner):
			changes.Problems = append(changes.Problems, catalog.Problem{Service: wanted[id].Service, Subject: id, Message: fmt.Sprintf(
				"somebody else has registered this id for service %s; give the container another SERVICE_ID, or deregister the other", r.Service)})
		}
	}
	for _, id := range sortedIDs(present) {
		if _, keep := wanted[id]; !keep && owned(present[id], owner) {
			changes.Deregister = append(changes.Deregister, id)
		}
	}
	return changes
}
