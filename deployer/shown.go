package deployer

import (
	"slices"

	"teal/catalog"
	"teal/deployer/work"
)

// showChecks tells which checks have changed since they were last told.
func (r *run) showChecks(now reading, there []work.Placed) {
	if r.shown == nil {
		r.shown = map[string]catalog.Health{}
	}
	for _, i := range slices.Concat(now.passing, now.others) {
		for _, c := range i.Checks {
			key := i.Node + "/" + i.ID + "/" + c.ID
			if r.shown[key] == c.Status || r.shown[key] == "" && c.Status == catalog.Passing && c.OfNode {
				continue
			}
			r.shown[key] = c.Status
			r.say(checkEvent(i, c, there))
		}
	}
}

// checkEvent says how a check of an instance is, and of which container where that
// is known.
func checkEvent(i catalog.Instance, c catalog.CheckStatus, there []work.Placed) Event {
	e := Event{Kind: Step, Host: i.Node, Check: c.Name, Health: c.Status, Text: string(c.Status)}
	n := slices.IndexFunc(there, func(p work.Placed) bool { return i.Container != "" && isOneOf(i, []catalog.Container{p.Container}) })
	if n >= 0 {
		e.Host, e.Container = there[n].Place, there[n].Name
	}
	return e
}
