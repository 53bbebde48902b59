package registrator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"teal/catalog"
)

// Preview is what a look would write.
type Preview struct {
	Changes  Changes
	Problems []catalog.Problem               // of the containers, and of what can't be written
	actual   map[string]catalog.Registration // by id
}

// Preview looks like Once and writes nothing.
func (a *Agent) Preview(ctx context.Context) (Preview, error) {
	v, err := a.look(ctx)
	if err != nil {
		return Preview{}, err
	}
	return Preview{Changes: v.changes, Problems: slices.Concat(v.problems, v.changes.Problems), actual: byID(v.actual)}, nil
}

// Lines are the plan for people: one line a write and why, one a problem, and
// the sum.
func (p Preview) Lines() []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, r := range p.Changes.Register {
		say("register %s: %s", r.ID, p.reason(r))
	}
	for _, m := range p.Changes.Maintain {
		say("put %s into maintenance: %s", m.ID, m.Reason)
	}
	for _, r := range p.Changes.Report {
		say("report %s: check %s is %s", r.ID, r.Check, r.Status)
	}
	for _, id := range p.Changes.Resume {
		say("end the maintenance of %s: %s", id, p.actual[id].Maintenance)
	}
	for _, id := range p.Changes.Deregister {
		say("deregister %s: %s", id, p.reasonToForget(id))
	}
	for _, problem := range p.Problems {
		say("problem %s", problem)
	}
	c := p.Changes
	say("to register: %d, to deregister: %d, other writes: %d, problems: %d",
		len(c.Register), len(c.Deregister), len(c.Maintain)+len(c.Report)+len(c.Resume), len(p.Problems))
	return lines
}

func (p Preview) reason(r catalog.Registration) string {
	before, known := p.actual[r.ID]
	if !known {
		return fmt.Sprintf("new, service %s at %s:%d, tags %v", r.Service, r.Address, r.Port, r.Tags)
	}
	return strings.Join(differences(before, r), "; ")
}

func (p Preview) reasonToForget(id string) string {
	if classic(p.actual[id]) {
		return "it is the classic registrator's, and one of ours stands in for it"
	}
	return fmt.Sprintf("service %s has no such container any more", p.actual[id].Service)
}

// differences tells in words what Registration.Same compares.
func differences(before, after catalog.Registration) []string {
	var said []string
	changed := func(what string, a, b any) {
		if from, to := fmt.Sprint(a), fmt.Sprint(b); from != to {
			said = append(said, fmt.Sprintf("%s %s -> %s", what, from, to))
		}
	}
	changed("service", before.Service, after.Service)
	changed("address", before.Address, after.Address)
	changed("port", before.Port, after.Port)
	changed("tags", before.Tags, after.Tags)
	keys := maps.Clone(before.Meta)
	if keys == nil {
		keys = map[string]string{}
	}
	maps.Copy(keys, after.Meta)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		changed("meta "+key, orNone(before.Meta, key), orNone(after.Meta, key))
	}
	return append(said, checkDifferences(before.Checks, after.Checks)...)
}

func orNone(meta map[string]string, key string) string {
	if value, ok := meta[key]; ok {
		return value
	}
	return "(none)"
}

// checkDifferences goes by the ids, which name the definitions.
func checkDifferences(before, after []catalog.Check) []string {
	var said []string
	missing := func(verb string, in, from []catalog.Check) {
		for _, c := range in {
			if !slices.ContainsFunc(from, func(o catalog.Check) bool { return o.ID == c.ID }) {
				said = append(said, fmt.Sprintf("%s check %q (%s)", verb, c.Name, c.ID))
			}
		}
	}
	missing("without", before, after)
	missing("with", after, before)
	return said
}
