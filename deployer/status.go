package deployer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"teal/catalog"
)

// lastDeployments is how many deployments of each environment Status tells.
const lastDeployments = 5

// Status is how a service stands.
type Status struct {
	Service     string                `json:"service"`
	Config      catalog.ServiceConfig `json:"config"`
	Aliases     []AliasStatus         `json:"aliases"`
	Targets     []TargetStatus        `json:"targets"`
	Routers     []RouterStatus        `json:"routers"`
	Deployments []catalog.Deployment  `json:"deployments"` // the newest first
	Waiting     []Waiting             `json:"waiting,omitempty"`
	Kept        []KeptRelease         `json:"kept"` // the newest first
	Drift       []Drift               `json:"drift"`
	// Unseen says which hosts could not be looked at for drift, and why.
	Unseen []string `json:"unseen,omitempty"`
}

// KeptRelease is a release that hosts keep stopped, and that a rollback may go to.
type KeptRelease struct {
	Environment string   `json:"environment"`
	Release     string   `json:"release"`
	Deployment  string   `json:"deployment"` // that brought it
	Hosts       []string `json:"hosts"`      // endpoints
}

// AliasStatus is an alias and who flipped it last.
type AliasStatus struct {
	Name   string              `json:"name"`
	Value  catalog.AliasValue  `json:"value"`
	Index  uint64              `json:"index"` // 0 for the implied alias of an uncoloured environment
	ByHand bool                `json:"by_hand"`
	Last   *catalog.FlipRecord `json:"last,omitempty"` // the last flip made through Teal
}

// TargetStatus is a target, what it holds and how its instances are.
type TargetStatus struct {
	Target    catalog.Target     `json:"target"`
	Live      []string           `json:"live,omitempty"` // the aliases that send it requests
	Release   *catalog.Release   `json:"release,omitempty"`
	Instances []catalog.Instance `json:"instances"`
	Passing   int                `json:"passing"`   // of the recorded release
	Strangers int                `json:"strangers"` // of another release, so not routed
	// Holds tells what its release is good for; empty while a deployment works on it.
	Holds Holding `json:"holds,omitempty"`
	// Missed are the hosts that the release's deployment left out, as they did not
	// answer.
	Missed []string `json:"missed,omitempty"`
}

// RouterStatus is a router and whether it has applied every flip of the service.
type RouterStatus struct {
	catalog.RouterRecord
	Current bool `json:"current"`
}

// Status reads how a service stands. A service that nobody knows is an error, a
// host that does not answer is not.
func (d *Deployer) Status(ctx context.Context, service string) (Status, error) {
	s, err := d.opt.Store.Service(ctx, service)
	if err != nil {
		return Status{}, fmt.Errorf("read service %s: %w", service, err)
	}
	routers, err := d.opt.Store.Routers(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("read the routers: %w", err)
	}
	status := describeService(s, routers)
	for _, env := range environmentsOf(s) {
		all, err := d.opt.Store.Deployments(ctx, service, env)
		if err != nil {
			return Status{}, fmt.Errorf("read the deployments of %s to %s: %w", service, env, err)
		}
		status.Deployments = append(status.Deployments, all[max(0, len(all)-lastDeployments):]...)
		status.describeMissed(s, all)
		waiting, err := d.waitingOf(ctx, all)
		if err != nil {
			return Status{}, err
		}
		status.Waiting = append(status.Waiting, waiting...)
		seen, unseen := d.lookAround(ctx, s.Name, env, all)
		status.Drift, status.Unseen = append(status.Drift, driftOf(s, env, all, seen)...), append(status.Unseen, unseen...)
		status.Kept = append(status.Kept, keptReleases(env, seen)...)
	}
	slices.SortFunc(status.Deployments, func(a, b catalog.Deployment) int { return strings.Compare(b.ID, a.ID) })
	if len(status.Aliases)+len(status.Targets)+len(status.Deployments) == 0 {
		return Status{}, unknownService(service)
	}
	return status, nil
}

// describeService is the part of a status that follows from one reading. It is
// pure.
func describeService(s *catalog.Service, routers []catalog.RouterRecord) Status {
	status := Status{Service: s.Name, Config: s.Config, Kept: []KeptRelease{}, Drift: []Drift{}}
	newest := uint64(0)
	for _, name := range aliasNames(s) {
		alias, _ := s.Resolve(name)
		a := AliasStatus{Name: name, Value: alias.Value, Index: alias.Index, ByHand: s.FlippedByHand(name)}
		if last, ok := s.Flips[name]; ok {
			a.Last = &last
		}
		newest = max(newest, alias.Index)
		status.Aliases = append(status.Aliases, a)
	}
	for _, t := range targetsOf(s) {
		status.Targets = append(status.Targets, describeTarget(s, t, status.Aliases))
	}
	for _, r := range routers {
		status.Routers = append(status.Routers, RouterStatus{RouterRecord: r, Current: r.Applied >= newest})
	}
	return status
}

func describeTarget(s *catalog.Service, t catalog.Target, aliases []AliasStatus) TargetStatus {
	ts := TargetStatus{Target: t, Instances: instancesOf(s, t), Passing: len(s.Passing(t))}
	if release, ok := s.Releases[t]; ok {
		ts.Release = &release
	}
	for _, i := range ts.Instances {
		if !s.Expects(i) {
			ts.Strangers++
		}
	}
	for _, a := range aliases {
		if a.Value.Sends(t) {
			ts.Live = append(ts.Live, a.Name)
		}
	}
	return ts
}

// describeMissed adds to the targets what their deployments' records say of hosts
// that were left out.
func (status *Status) describeMissed(s *catalog.Service, deployments []catalog.Deployment) {
	for _, record := range deployments {
		holds := holdingOf(s, record)
		if holds == "" {
			continue
		}
		n := slices.IndexFunc(status.Targets, func(t TargetStatus) bool { return t.Target == record.Target })
		if n >= 0 {
			status.Targets[n].Holds, status.Targets[n].Missed = holds, record.Missed
		}
	}
}

// aliasNames are the aliases that have a key, and those that uncoloured
// instances imply.
func aliasNames(s *catalog.Service) []string {
	names := slices.Collect(maps.Keys(s.Aliases))
	for _, i := range s.Instances {
		if i.Target.Colour == "" {
			names = append(names, i.Target.Environment)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// targetsOf are the targets that have instances, a release or an alias, by
// environment and colour.
func targetsOf(s *catalog.Service) []catalog.Target {
	targets := slices.Collect(maps.Keys(s.Releases))
	for _, i := range s.Instances {
		targets = append(targets, i.Target)
	}
	for _, a := range s.Aliases {
		for _, share := range a.Value.Shares {
			targets = append(targets, share.Target)
		}
	}
	slices.SortFunc(targets, func(a, b catalog.Target) int {
		if c := strings.Compare(a.Environment, b.Environment); c != 0 {
			return c
		}
		return strings.Compare(string(a.Colour), string(b.Colour))
	})
	return slices.Compact(targets)
}

// environmentsOf are the environments that a service is in, and the usual ones,
// where its first deployment may have failed and left nothing else.
func environmentsOf(s *catalog.Service) []string {
	names := slices.Clone(catalog.Environments)
	for _, t := range targetsOf(s) {
		names = append(names, t.Environment)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
