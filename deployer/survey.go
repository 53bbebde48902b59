package deployer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer/hosts"
	"teal/deployer/plan"
)

// What bounds a look at a host that nothing is done to.
const (
	surveyTimeout = 30 * time.Second
	glanceTimeout = 5 * time.Second // where an answer without the host will do
)

// sighting is what a host has of a service in an environment.
type sighting struct {
	Endpoint   string
	Host       hosts.Connected // its Host is nil when it could not be connected to
	Containers []catalog.Container
	Kept       []catalog.Container // of releases that are kept, which no target has
	Shared     []catalog.Container // that belong to no colour
	Err        error               // why it could not be seen; a sentence that names the host
}

// survey looks at hosts without touching them, all at once, and answers what it
// saw in their order.
func (d *Deployer) survey(ctx context.Context, endpoints []string, service, environment string) []sighting {
	seen := make([]sighting, len(endpoints))
	var wait sync.WaitGroup
	for n, endpoint := range endpoints {
		wait.Go(func() { seen[n] = d.sight(ctx, endpoint, service, environment) })
	}
	wait.Wait()
	return seen
}

func (d *Deployer) sight(ctx context.Context, endpoint, service, environment string) sighting {
	ctx, cancel := context.WithTimeout(ctx, surveyTimeout)
	defer cancel()
	s := sighting{Endpoint: endpoint}
	one, err := d.connected.To([]string{endpoint})
	if err != nil {
		s.Err = err
		return s
	}
	s.Host = one[0]
	labels := map[string]string{catalog.LabelService: service, catalog.LabelEnvironment: environment}
	if s.Containers, err = s.Host.List(ctx, labels); err != nil {
		s.Err = fmt.Errorf("host %s can't be seen: %w", endpoint, err)
	}
	slices.SortFunc(s.Containers, func(a, b catalog.Container) int { return cmp.Compare(a.Name, b.Name) })
	for _, c := range s.Containers {
		switch {
		case plan.IsKept(c):
			s.Kept = append(s.Kept, c)
		case plan.IsShared(c):
			s.Shared = append(s.Shared, c)
		}
	}
	s.Containers = slices.DeleteFunc(s.Containers, func(c catalog.Container) bool { return plan.IsKept(c) || plan.IsShared(c) })
	return s
}

// of are the containers of a target.
func (s sighting) of(t catalog.Target) []catalog.Container {
	return slices.DeleteFunc(slices.Clone(s.Containers), func(c catalog.Container) bool { return plan.TargetOf(c) != t })
}

// recordedHosts are all hosts that deployments of an environment went to, in the
// order they were first used.
func recordedHosts(deployments []catalog.Deployment) []string {
	var all []string
	for _, d := range deployments {
		for _, h := range d.Hosts {
			if !slices.Contains(all, h) {
				all = append(all, h)
			}
		}
	}
	return all
}
