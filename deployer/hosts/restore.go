package hosts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"teal/catalog"
	"teal/deployer/plan"
)

// Holds looks at all hosts. What was created and never started serves nobody.
func (p *Platform) Holds(ctx context.Context, record catalog.Deployment) (string, error) {
	var mu sync.Mutex
	name := ""
	err := Each(ctx, p.used(), func(ctx context.Context, h Connected) error {
		cs, err := listTarget(ctx, h, record.Service, record.Target)
		mu.Lock()
		defer mu.Unlock()
		for _, c := range cs {
			if c.Labels[catalog.LabelDeployment] == record.ID && (c.Running || !c.Started.IsZero()) {
				name = c.Name
			}
		}
		return err
	})
	return name, err
}

// Restore lets every host come to its end.
func (p *Platform) Restore(ctx context.Context, record catalog.Deployment) error {
	p.restoreDropped(ctx, record)
	return Each(ctx, p.used(), func(ctx context.Context, h Connected) error {
		return restore(ctx, h, record)
	})
}

// restoreDropped tries those hosts once more that were left out on the way. What
// stays there gets no requests, as it is of another release than is recorded, and
// the next deployment to the host clears it away.
func (p *Platform) restoreDropped(ctx context.Context, record catalog.Deployment) {
	p.mu.Lock()
	dropped := slices.Clone(p.dropped)
	p.mu.Unlock()
	err := Each(ctx, dropped, func(ctx context.Context, h Connected) error {
		if err := h.Ping(ctx); err != nil {
			return err
		}
		return restore(ctx, h, record)
	})
	if err != nil {
		p.via.Tell(Told{Trouble: true, State: record.State, Service: record.Service, Text: fmt.Sprintf("a host that was left out is not put back: %s", err)})
	}
}

func restore(ctx context.Context, h Connected, record catalog.Deployment) error {
	all, err := listColour(ctx, h, record.Service, record.Target)
	if err != nil {
		return err
	}
	cs := slices.DeleteFunc(slices.Clone(all), plan.IsKept)
	var own, previous []catalog.Container
	left := len(all) - len(cs) // what is kept needs the network too
	for _, c := range cs {
		switch {
		case c.Labels[catalog.LabelDeployment] == record.ID:
			own = append(own, c)
		case strings.HasSuffix(c.Name, plan.PreviousSuffix):
			previous = append(previous, c)
		default:
			left++ // it was not reached yet when the deployment ended
		}
	}
	stays := discardAll(ctx, h, own, hadUsers(record.State))
	if left+len(previous) == 0 && stays == nil {
		return h.RemoveNetwork(ctx, plan.BaseName(record.Service, record.Target))
	}
	errs := []error{stays} // one that stays must not keep the others from coming back
	for _, c := range previous {
		errs = append(errs, bringBack(ctx, h, c))
	}
	return errors.Join(append(errs, restart(ctx, h, cs, record.ID))...)
}

// discardAll discards what a deployment brought, all at once.
func discardAll(ctx context.Context, h Connected, cs []catalog.Container, used bool) error {
	dispose := discardUnused
	if used {
		dispose = discard
	}
	errs := make([]error, len(cs))
	var wait sync.WaitGroup
	for n, c := range cs {
		wait.Go(func() { errs[n] = dispose(ctx, h, c) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// hadUsers tells whether a deployment that stands in a state may have had requests.
func hadUsers(s catalog.DeploymentState) bool {
	switch s {
	case catalog.Flipping, catalog.Draining, catalog.Baking, catalog.RollingBack:
		return true
	}
	return false
}

func bringBack(ctx context.Context, h Connected, c catalog.Container) error {
	name := strings.TrimSuffix(c.Name, plan.PreviousSuffix)
	if err := h.Rename(ctx, c.ID, name); err != nil {
		return fmt.Errorf("name %s %s again: %w", c.Name, name, err)
	}
	return nil
}

// restart starts the containers of a target that are stopped, but for those of
// one deployment and those that run once.
func restart(ctx context.Context, h Connected, cs []catalog.Container, except string) error {
	for _, c := range cs {
		if c.Running || c.Labels[catalog.LabelDeployment] == except || c.Labels[catalog.LabelOnce] == "true" {
			continue
		}
		if err := h.Start(ctx, c.ID); err != nil {
			return fmt.Errorf("start %s again: %w", c.Name, err)
		}
	}
	return nil
}

// Finish keeps the release that was put aside in the deployment's target, and
// removes what is not kept any longer. A host that can't is finished by the next
// deployment.
func (p *Platform) Finish(ctx context.Context, record catalog.Deployment) error {
	return Each(ctx, p.used(), func(ctx context.Context, h Connected) error {
		cs, err := listTarget(ctx, h, record.Service, record.Target)
		if err != nil {
			return err
		}
		var group errgroup.Group
		for _, c := range cs {
			if c.Labels[catalog.LabelDeployment] == record.ID && !plan.IsTask(c) || !plan.IsAside(c) && !plan.IsTask(c) {
				continue
			}
			dispose := discard
			if worthKeeping(record, c) {
				dispose = keep
			}
			group.Go(func() error { return dispose(ctx, h, c) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		return dropSurplus(ctx, h, record)
	})
}

// Rest stops a target on all hosts, who depends on others first.
func (p *Platform) Rest(ctx context.Context, service string, t catalog.Target) error {
	return Each(ctx, p.used(), func(ctx context.Context, h Connected) error {
		cs, err := listTarget(ctx, h, service, t)
		if err != nil {
			return err
		}
		return stopParts(ctx, h, cs)
	})
}
