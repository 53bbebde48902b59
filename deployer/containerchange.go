package deployer

import (
	"slices"
	"strings"

	"teal/catalog"
	"teal/deployer/plan"
)

// upToDate tells whether the live containers are what the file says already, on
// every host and nowhere else. Images that no registry knows are compared by name.
func (p planning) upToDate() bool {
	live, ok := p.alias.Value.Single()
	if !ok || (live.Colour != "") != p.env.Coloured || live.Environment != p.env.Name {
		return false
	}
	release, held := p.service.Releases[live]
	if !held || release.ID != p.placement.Release || release.State != catalog.Ready {
		return false
	}
	placement := p.placement
	placement.Target = live
	plan := plan.Of(p.spec, p.env, placement)
	for n, one := range p.seen {
		expected := plan.Containers
		if n >= len(p.env.Hosts) {
			expected = nil // a host that is in the file no more
		}
		if !p.runs(one, live, expected) {
			return false
		}
	}
	return true
}

// runs tells whether a host has exactly the planned containers of a target, none
// of them ended.
func (p planning) runs(seen sighting, t catalog.Target, planned []plan.Container) bool {
	there := seen.of(t)
	if len(there) != len(planned) {
		return false
	}
	for _, want := range planned {
		n := slices.IndexFunc(there, func(c catalog.Container) bool { return c.Name == want.Name })
		spec := want.On(p.env.Weights[seen.Endpoint]).Labels[catalog.LabelSpec]
		if n < 0 || there[n].Labels[catalog.LabelSpec] != spec || plan.HasFailed(there[n]) {
			return false
		}
	}
	return true
}

// changesOn is what a deployment would do on a host.
func (p planning) changesOn(seen sighting) []ContainerChange {
	target := p.placement.Target
	there := map[string]catalog.Container{}
	for _, c := range seen.of(target) {
		there[strings.TrimSuffix(c.Name, plan.PreviousSuffix)] = c
	}
	changes := []ContainerChange{}
	for _, want := range plan.Of(p.spec, p.env, p.placement).Containers {
		change := ContainerChange{Container: want.Name, Action: StartContainer, Image: want.Image}
		if _, ok := there[want.Name]; ok {
			change.Action = ReplaceContainer
		}
		if live, ok := p.liveTwin(seen, want); ok {
			change.LiveImage, change.LiveDigest = live.Image, live.ImageID
		}
		delete(there, want.Name)
		changes = append(changes, change)
	}
	for _, c := range seen.of(target) {
		if name := strings.TrimSuffix(c.Name, plan.PreviousSuffix); there[name].ID == c.ID {
			changes = append(changes, ContainerChange{Container: name, Action: StopContainer, Image: c.Image})
		}
	}
	for _, live := range p.alias.Value.Live() {
		if live != target {
			changes = append(changes, keptOf(seen.of(live))...)
		}
	}
	return changes
}

// liveTwin is the live container of the same part and number as a planned one.
func (p planning) liveTwin(seen sighting, want plan.Container) (catalog.Container, bool) {
	number := strings.TrimPrefix(want.Name, plan.BaseName(p.spec.Service, p.placement.Target))
	for _, live := range p.alias.Value.Live() {
		name := plan.BaseName(p.spec.Service, live) + number
		for _, c := range seen.of(live) {
			if c.Name == name {
				return c, true
			}
		}
	}
	return catalog.Container{}, false
}

func keptOf(containers []catalog.Container) []ContainerChange {
	kept := []ContainerChange{}
	for _, c := range containers {
		kept = append(kept, ContainerChange{Container: c.Name, Action: KeepContainer, Image: c.Image, LiveImage: c.Image, LiveDigest: c.ImageID})
	}
	return kept
}
