package hosts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"teal/catalog"
	"teal/deployer/plan"
)

// Revive starts the release on all hosts at once. What can't be started on one of
// them ends none of the others: going back with fewer instances is better than not
// going back.
func (p *Platform) Revive(ctx context.Context, service string, t catalog.Target, release catalog.Release) (running, started int, err error) {
	return p.tally(ctx, func(ctx context.Context, h Connected) ([]catalog.Container, error) {
		return p.reviveOn(ctx, h, service, t, release)
	})
}

// reviveOn starts what a host holds of a release and answers what runs then, as it
// was before.
func (p *Platform) reviveOn(ctx context.Context, h Connected, service string, t catalog.Target, release catalog.Release) ([]catalog.Container, error) {
	cs, err := restingOn(ctx, h, service, t, release)
	if err != nil {
		return nil, err
	}
	up, err := p.restartInOrder(ctx, h, service, t, cs)
	for _, c := range up {
		if !c.Running && plan.IsRegistered(c) {
			p.via.Tell(Told{Host: h.Name(), Container: c.Name, Text: "started the standby again"})
		}
	}
	return up, err
}

// tally counts the instances of what is found on all hosts, and those of them that
// did not run.
func (p *Platform) tally(ctx context.Context, found func(context.Context, Connected) ([]catalog.Container, error)) (all, stopped int, err error) {
	var mu sync.Mutex
	err = Each(ctx, p.used(), func(ctx context.Context, h Connected) error {
		cs, err := found(ctx, h)
		mu.Lock()
		defer mu.Unlock()
		for _, c := range registered(cs) {
			all++
			if !c.Running {
				stopped++
			}
		}
		return err
	})
	return all, stopped, err
}

// restartInOrder starts what is stopped as it was started at first, each after what
// it depends on, and answers what runs then, as it was before.
func (p *Platform) restartInOrder(ctx context.Context, h Connected, service string, t catalog.Target, cs []catalog.Container) (up []catalog.Container, err error) {
	look := func(ctx context.Context) ([]catalog.Container, error) {
		all, err := h.List(ctx, map[string]string{catalog.LabelService: service})
		return slices.DeleteFunc(all, func(c catalog.Container) bool {
			shared := plan.IsShared(c) && c.Labels[catalog.LabelEnvironment] == t.Environment
			return plan.TargetOf(c) != t && !shared || plan.IsKept(c) || plan.IsAside(c) || plan.IsTask(c)
		}), err
	}
	var errs []error
	for _, c := range cs {
		how := plan.MannerOf(c.Labels)
		if err := p.awaitDependencies(ctx, dependent{c.Labels[catalog.LabelPart], how.After, how.Timeout}, look); ctx.Err() != nil {
			return up, errors.Join(append(errs, context.Cause(ctx))...)
		} else if err != nil { // better to go back to what may not come up than not at all
			p.via.Tell(Told{Trouble: true, Host: h.Name(), Container: c.Name, Text: fmt.Sprintf("host %s: %s; it is started all the same", h.Name(), err)})
		}
		if err := restart(ctx, h, []catalog.Container{c}, ""); err != nil {
			errs = append(errs, err)
			continue
		}
		up = append(up, c)
	}
	return up, errors.Join(errs...)
}

// Resting looks at all hosts at once.
func (p *Platform) Resting(ctx context.Context, service string, t catalog.Target, release catalog.Release) (all, stopped int, err error) {
	return p.tally(ctx, func(ctx context.Context, h Connected) ([]catalog.Container, error) {
		return restingOn(ctx, h, service, t, release)
	})
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
