package registrator

import (
	"fmt"
	"slices"

	"teal/catalog"
)

// Changes are the writes that make the agent know what it should.
type Changes struct {
	Register   []catalog.Registration // by id
	Maintain   []Maintenance          // instances to put into maintenance
	Report     []Report               // checks that say something else by now
	Resume     []string               // ids whose maintenance, which is ours, is over
	Deregister []string               // ids, in order
	Problems   []catalog.Problem      // what can't be written
}

// Maintenance takes an instance out of service, for a reason.
type Maintenance struct {
	ID     string
	Reason string
}

// Report is what a check of an instance says now.
type Report struct {
	ID     string // of the instance
	Check  string // its id
	Status catalog.Health
	Output string
}

// Plan compares what the agent should know of an owner's containers with all it
// knows. What others have registered is never touched: it is neither removed nor
// replaced, nor is maintenance that somebody else began ended.
func Plan(desired, actual []catalog.Registration, owner string) Changes {
	var changes Changes
	wanted, present := byID(desired), byID(actual)
	for _, id := range sortedIDs(wanted) {
		changes.meet(wanted[id], present, owner)
	}
	for _, id := range sortedIDs(present) {
		if _, keep := wanted[id]; !keep && owned(present[id], owner) {
			changes.Deregister = append(changes.Deregister, id)
		}
	}
	return changes
}

// meet adds what makes the agent know one instance.
func (c *Changes) meet(want catalog.Registration, present map[string]catalog.Registration, owner string) {
	have, found := present[want.ID]
	if found && !owned(have, owner) {
		c.Problems = append(c.Problems, catalog.Problem{Service: want.Service, Subject: want.ID, Message: fmt.Sprintf(
			"somebody else has registered this id for service %s; give the container another SERVICE_ID, or deregister the other", have.Service)})
		return
	}
	if !found || !want.Same(have) {
		c.Register = append(c.Register, want)
	}
	_, ours := parseHold(have.Maintenance)
	switch {
	case want.Maintenance != "" && have.Maintenance == "":
		c.Maintain = append(c.Maintain, Maintenance{want.ID, want.Maintenance})
	case want.Maintenance == "" && ours:
		c.Resume = append(c.Resume, want.ID)
	}
	for _, check := range want.Checks {
		if check.Status != "" && !tells(have, check) {
			c.Report = append(c.Report, Report{want.ID, check.ID, check.Status, check.Output})
		}
	}
}

// tells whether an agent has the check with what it says now. One that is new
// begins critical. What one says that passes does not matter.
func tells(have catalog.Registration, want catalog.Check) bool {
	now := catalog.Check{Status: catalog.Critical}
	if i := slices.IndexFunc(have.Checks, func(c catalog.Check) bool { return c.ID == want.ID }); i >= 0 {
		now = have.Checks[i]
	}
	return now.Status == want.Status && (want.Status == catalog.Passing || now.Output == want.Output)
}
