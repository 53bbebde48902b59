package registrator

import (
	"cmp"
	"errors"
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
	for _, c := range ordered(containers) {
		registrations, bad := ofContainer(c, opt)
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

// ordered puts the containers that run into an order of their own, so that the
// same world always gives the same answer.
func ordered(containers []catalog.Container) []catalog.Container {
	running := slices.DeleteFunc(slices.Clone(containers), func(c catalog.Container) bool { return !c.Running })
	slices.SortFunc(running, func(a, b catalog.Container) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return running
}

func ofContainer(c catalog.Container, opt Options) ([]catalog.Registration, []catalog.Problem) {
	s := parseSettings(c.Labels, c.Env)
	ports, problems := registrable(c, s, opt)
	suffix := sharesName(ports, s)
	var all []catalog.Registration
	for _, p := range ports {
		w := writer{container: c, port: p, attrs: s.port(p.Private), opt: opt}
		w.suffix = suffix && !s.named(p.Private)
		r, complaints, err := w.registration()
		for _, complaint := range complaints {
			problems = append(problems, catalog.Problem{Service: r.Service, Subject: c.Name, Message: complaint})
		}
		switch {
		case errors.Is(err, errNotYet):
		case err != nil:
			problems = append(problems, catalog.Problem{Service: r.Service, Subject: c.Name, Message: err.Error()})
		default:
			all = append(all, r)
		}
	}
	return all, problems
}

// registrable are the ports of a container that are to be registered.
func registrable(c catalog.Container, s settings, opt Options) ([]catalog.Port, []catalog.Problem) {
	var ports []catalog.Port
	wanted := 0
	for _, p := range c.Ports {
		attrs := s.port(p.Private)
		if isTrue(attrs[attrIgnore]) || (opt.Explicit && attrs[attrName] == "") {
			continue
		}
		wanted++
		if opt.Internal || p.Host != 0 {
			ports = append(ports, p)
		}
	}
	name := s.general[attrName]
	if name == "" || len(ports) > 0 || isTrue(s.general[attrIgnore]) || (len(c.Ports) > 0 && wanted == 0) {
		return ports, nil
	}
	message := "it has a SERVICE_NAME but publishes no port; publish the one it listens on"
	if opt.Internal {
		message = "it has a SERVICE_NAME but exposes no port; expose the one it listens on"
	}
	return nil, []catalog.Problem{{Service: name, Subject: c.Name, Message: message}}
}

// sharesName tells whether several ports would be registered under the one
// general name, which then gets the port for a suffix.
func sharesName(ports []catalog.Port, s settings) bool {
	unnamed := map[int]bool{}
	for _, p := range ports {
		if !s.named(p.Private) {
			unnamed[p.Private] = true
		}
	}
	return len(unnamed) > 1
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

func sortedIDs(set map[string]catalog.Registration) []string { return slices.Sorted(maps.Keys(set)) }
