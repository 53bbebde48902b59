package deployer

import (
	"context"
	"fmt"
	"slices"

	"teal/catalog"
	"teal/deployer/hosts"
	"teal/deployer/plan"
)

// Drift is a container that is not as the deployment that brought its target's
// release has recorded it.
type Drift struct {
	Target    catalog.Target `json:"target"`
	Host      string         `json:"host"` // its endpoint
	Container string         `json:"container"`
	Kind      DriftKind      `json:"kind"`
}

// DriftKind is how a container differs from the record.
type DriftKind string

// The kinds of drift.
const (
	Missing   DriftKind = "missing"
	Stopped   DriftKind = "stopped"    // though its target is live, or it is shared
	Extra     DriftKind = "extra"      // nothing recorded has it
	OtherSpec DriftKind = "other-spec" // started from something else
)

// String is the drift in a sentence without a full stop.
func (d Drift) String() string {
	what := map[DriftKind]string{
		Missing: "is missing", Stopped: "is stopped", Extra: "belongs to no recorded release",
		OtherSpec: "was not started from what is recorded",
	}[d.Kind]
	return fmt.Sprintf("%s on %s %s", d.Container, d.Host, what)
}

// lookAround looks at the hosts of an environment's deployments, as long as somebody
// who only asks would wait. unseen says which of them could not be looked at, and
// why.
func (d *Deployer) lookAround(ctx context.Context, service, environment string, deployments []catalog.Deployment) (seen []sighting, unseen []string) {
	endpoints, limit := recordedHosts(deployments), glanceTimeout
	if slices.ContainsFunc(endpoints, hosts.TakesLogin) {
		limit = hosts.LoginTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	seen = d.survey(ctx, endpoints, service, environment)
	for _, one := range seen {
		if one.Err != nil {
			unseen = append(unseen, one.Err.Error())
		}
	}
	return seen, unseen
}

// driftOf compares what hosts have with what is recorded, for the targets of an
// environment that no deployment is under way to. It is pure.
func driftOf(s *catalog.Service, environment string, deployments []catalog.Deployment, seen []sighting) []Drift {
	var all []Drift
	for _, t := range targetsIn(s, environment, seen) {
		if inMotion(deployments, t) {
			continue
		}
		record, known := bringer(s, deployments, t)
		if !known {
			continue
		}
		for _, one := range seen {
			if one.Err == nil {
				all = append(all, driftOn(record, t, isLive(s, t), one)...)
			}
		}
	}
	return append(all, driftOfShared(environment, seen)...)
}

// driftOfShared are the shared parts that should run and don't. Which there should
// be no record tells. It is pure.
func driftOfShared(environment string, seen []sighting) []Drift {
	var all []Drift
	for _, one := range seen {
		for _, c := range one.Shared {
			if plan.HasFailed(c) {
				all = append(all, Drift{Target: catalog.Target{Environment: environment}, Host: one.Endpoint, Container: c.Name, Kind: Stopped})
			}
		}
	}
	return all
}

// targetsIn are the targets of an environment that are recorded or seen.
func targetsIn(s *catalog.Service, environment string, seen []sighting) []catalog.Target {
	var all []catalog.Target
	for _, colour := range []catalog.Colour{"", catalog.Blue, catalog.Green} {
		t := catalog.Target{Colour: colour, Environment: environment}
		_, held := s.Releases[t]
		if held || slices.ContainsFunc(seen, func(one sighting) bool { return len(one.of(t)) > 0 }) {
			all = append(all, t)
		}
	}
	return all
}

// inMotion tells whether a deployment to a target has not ended.
func inMotion(deployments []catalog.Deployment, t catalog.Target) bool {
	return slices.ContainsFunc(deployments, func(d catalog.Deployment) bool { return d.Target == t && !d.State.Ended() })
}

// bringer is the deployment that brought what a target holds; zero when it holds
// nothing. It is false where no record tells what there should be.
func bringer(s *catalog.Service, deployments []catalog.Deployment, t catalog.Target) (catalog.Deployment, bool) {
	release, held := s.Releases[t]
	if !held {
		return catalog.Deployment{}, true
	}
	n := slices.IndexFunc(deployments, func(d catalog.Deployment) bool { return d.ID == release.Deployment })
	if n < 0 || len(deployments[n].Containers) == 0 {
		return catalog.Deployment{}, false
	}
	return deployments[n], true
}

// driftOn compares one host. It is pure.
func driftOn(record catalog.Deployment, t catalog.Target, live bool, seen sighting) []Drift {
	var all []Drift
	add := func(name string, kind DriftKind) {
		all = append(all, Drift{Target: t, Host: seen.Endpoint, Container: name, Kind: kind})
	}
	there := seen.of(t)
	expected := map[string]bool{}
	for _, want := range record.Containers {
		if !slices.Contains(record.Hosts, seen.Endpoint) || !want.On(seen.Endpoint) {
			continue
		}
		expected[want.Name] = true
		n := slices.IndexFunc(there, func(c catalog.Container) bool { return c.Name == want.Name })
		switch {
		case n < 0:
			add(want.Name, Missing)
		case there[n].Labels[catalog.LabelSpec] != want.Spec:
			add(want.Name, OtherSpec)
		case live && plan.HasFailed(there[n]):
			add(want.Name, Stopped)
		}
	}
	for _, c := range there {
		if !expected[c.Name] {
			add(c.Name, Extra)
		}
	}
	return all
}
