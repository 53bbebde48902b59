package hosts

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"teal/catalog"
	"teal/deployer/plan"
)

// Revive starts the release on all hosts at once.
func (p *Platform) Revive(ctx context.Context, service string, t catalog.Target, release catalog.Release) (int, error) {
	var instances atomic.Int64
	err := onHosts(ctx, p.used(), func(ctx context.Context, h Connected) error {
		n, err := p.reviveOn(ctx, h, service, t, release)
		instances.Add(int64(n))
		return err
	})
	return int(instances.Load()), err
}

// reviveOn starts what a host holds of a release and answers how many instances
// that makes.
func (p *Platform) reviveOn(ctx context.Context, h Connected, service string, t catalog.Target, release catalog.Release) (int, error) {
	cs, err := restingOn(ctx, h, service, t, release)
	if err != nil {
		return 0, err
	}
	if err := p.restartInOrder(ctx, h, service, t, cs); err != nil {
		return 0, err
	}
	started := registered(cs)
	for _, c := range started {
		p.via.Tell(Told{Host: h.Name(), Container: c.Name, Text: "started the standby again"})
	}
	return len(started), nil
}

// restartInOrder starts what is stopped as it was started at first, each after what
// it depends on.
func (p *Platform) restartInOrder(ctx context.Context, h Connected, service string, t catalog.Target, cs []catalog.Container) error {
	look := func(ctx context.Context) ([]catalog.Container, error) {
		all, err := h.List(ctx, map[string]string{catalog.LabelService: service})
		return slices.DeleteFunc(all, func(c catalog.Container) bool {
			shared := plan.IsShared(c) && c.Labels[catalog.LabelEnvironment] == t.Environment
			return plan.TargetOf(c) != t && !shared || plan.IsKept(c) || plan.IsAside(c) || plan.IsTask(c)
		}), err
	}
	for _, c := range cs {
		how := plan.MannerOf(c.Labels)
		if err := p.awaitDependencies(ctx, dependent{c.Labels[catalog.LabelPart], how.After, how.Timeout}, look); ctx.Err() != nil {
			return context.Cause(ctx)
		} else if err != nil { // better to go back to what may not come up than not at all
			p.via.Tell(Told{Trouble: true, Host: h.Name(), Container: c.Name, Text: fmt.Sprintf("host %s: %s; it is started all the same", h.Name(), err)})
		}
		if err := restart(ctx, h, []catalog.Container{c}, ""); err != nil {
			return err
		}
	}
	return nil
}

// Resting looks at all hosts at once.
func (p *Platform) Resting(ctx context.Context, service string, t catalog.Target, release catalog.Release) (int, error) {
	var instances atomic.Int64
	err := onHosts(ctx, p.used(), func(ctx context.Context, h Connected) error {
		cs, err := restingOn(ctx, h, service, t, release)
		instances.Add(int64(len(registered(cs))))
		return err
	})
	return int(instances.Load()), err
}

// restingOn is what a host holds of a release, stopped or not.
func restingOn(ctx context.Context, h Connected, service string, t catalog.Target, release catalog.Release) ([]catalog.Container, error) {
	cs, err := listTarget(ctx, h, service, t)
	return slices.DeleteFunc(cs, func(c catalog.Container) bool {
		return release.ID != "" && c.Labels[catalog.LabelRelease] != release.ID || plan.IsAside(c) || plan.IsTask(c)
	}), err
}

// registered are those of containers that have instances in Consul.
func registered(cs []catalog.Container) []catalog.Container {
	return slices.DeleteFunc(cs, func(c catalog.Container) bool { return !plan.IsRegistered(c) })
}
