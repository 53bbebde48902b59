package registrator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"teal/catalog"
)

// Desired is what the agent should know of the containers, by id, and what is
// wrong with some of them. A container that is wrong never affects another.
func Desired(containers []catalog.Container, opt Options) ([]catalog.Registration, []catalog.Problem) {
	var all []catalog.Registration
	var problems []catalog.Problem
	holders := map[string]string{} // the container that has an id
	around := neighboursOf(containers)
	for _, c := range ordered(containers) {
		registrations, bad := ofContainer(c, around, opt)
		problems = append(problems, bad...)
		for _, r := range registrations {
			if holder, taken := holders[r.ID]; taken {
				problems = append(problems, catalog.Problem{Service: r.Service, Subject: c.Name, Message: fmt.Sprintf(
					"it wants the id %s, which container %s has already; give one of them another SERVICE_ID", r.ID, holder)})
				continue
			}
			holders[r.ID] = c.Name
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b catalog.Registration) int { return strings.Compare(a.ID, b.ID) })
	return all, problems
}

// ordered puts the containers that run, or are paused, into an order of their
// own, so that the same world always gives the same answer.
func ordered(containers []catalog.Container) []catalog.Container {
	running := slices.DeleteFunc(slices.Clone(containers), func(c catalog.Container) bool { return !c.Running && !c.Paused })
	slices.SortFunc(running, func(a, b catalog.Container) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return running
}

func ofContainer(c catalog.Container, around neighbours, opt Options) ([]catalog.Registration, []catalog.Problem) {
	s := parseSettings(c.Labels, c.Env)
	var all []catalog.Registration
	var problems []catalog.Problem
	complain := func(service, message string) {
		problems = append(problems, catalog.Problem{Service: service, Subject: c.Name, Message: message})
	}
	for _, sentence := range s.bad {
		complain("", sentence)
	}
	name := strings.TrimSpace(s.general[attrName])
	c, err := around.settle(c, s)
	if err != nil {
		if !isTrue(s.general[attrIgnore]) && (name != "" || !opt.Explicit) {
			complain(name, err.Error())
		}
		return nil, problems
	}
	ports := placed(c, s, opt)
	for _, p := range ports {
		w := writerOf(c, p, s, opt)
		if w.ignored() {
			continue
		}
		w.suffix = len(ports) > 1 && !s.named(p)
		r, complaints, err := w.registration()
		for _, complaint := range complaints {
			complain(r.Service, complaint)
		}
		if err != nil {
			complain(r.Service, err.Error())
			continue
		}
		all = append(all, r)
	}
	if message := unplaced(c, s, opt, len(ports)); message != "" {
		complain(name, message)
	}
	return all, problems
}

// placed are the ports of a container that others can reach. Ignored ones are
// among them: they count when it comes to names.
func placed(c catalog.Container, s settings, opt Options) []catalog.Port {
	var ports []catalog.Port
	for _, p := range c.Ports {
		if p.Host != 0 || writerOf(c, p, s, opt).internal() {
			ports = append(ports, p)
		}
	}
	return ports
}

// unplaced tells why a container that has a name is not registered at all,
// though none of its ports is meant to be left out.
func unplaced(c catalog.Container, s settings, opt Options, ports int) string {
	wanted := func(p catalog.Port) bool { return !writerOf(c, p, s, opt).ignored() }
	switch {
	case strings.TrimSpace(s.general[attrName]) == "" || ports > 0 || isTrue(s.general[attrIgnore]):
		return ""
	case len(c.Ports) > 0 && !slices.ContainsFunc(c.Ports, wanted):
		return ""
	case opt.Internal:
		return "it has a SERVICE_NAME but exposes no port; expose the one it listens on"
	}
	return "it has a SERVICE_NAME but publishes no port; publish the one it listens on"
}

// defaultName is an image's base name, without registry, tag and digest.
func defaultName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	base := image[strings.LastIndex(image, "/")+1:]
	base, _, _ = strings.Cut(base, ":")
	return base
}

// owned tells whether a registration was written by the registrator of that
// name.
func owned(r catalog.Registration, owner string) bool {
	return r.Meta[catalog.MetaManagedBy] == catalog.ManagedBy && r.Meta[catalog.MetaOwner] == owner
}

// byID finds registrations by their ids.
func byID(all []catalog.Registration) map[string]catalog.Registration {
	found := make(map[string]catalog.Registration, len(all))
	for _, r := range all {
		found[r.ID] = r
	}
	return found
}

func sortedIDs[T any](set map[string]T) []string { return slices.Sorted(maps.Keys(set)) }
