package deployer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"teal/catalog"
)

// holds looks at all hosts.
func (p *hostPlatform) holds(ctx context.Context, record catalog.Deployment) (string, error) {
	var mu sync.Mutex
	name := ""
	err := onEveryHost(ctx, p.used(), func(ctx context.Context, h host) error {
		cs, err := listTarget(ctx, h, record.Service, record.Target)
		mu.Lock()
		defer mu.Unlock()
		for _, c := range cs {
			if c.Labels[catalog.LabelDeployment] == record.ID {
				name = c.Name
			}
		}
		return err
	})
	return name, err
}

// restore lets every host come to its end.
func (p *hostPlatform) restore(ctx context.Context, record catalog.Deployment) error {
	return onEveryHost(ctx, p.used(), func(ctx context.Context, h host) error {
		return restore(ctx, h, record)
	})
}

func restore(ctx context.Context, h host, record catalog.Deployment) error {
	all, err := listColour(ctx, h, record.Service, record.Target)
	if err != nil {
		return err
	}
	cs := slices.DeleteFunc(slices.Clone(all), isKept)
	var previous []catalog.Container
	left := len(all) - len(cs) // what is kept needs the network too
	for _, c := range cs {
		switch {
		case c.Labels[catalog.LabelDeployment] == record.ID:
			if err := discard(ctx, h, c); err != nil {
				return err
			}
		case strings.HasSuffix(c.Name, previousSuffix):
			previous = append(previous, c)
		default:
			left++ // it was not reached yet when the deployment ended
		}
	}
	if left+len(previous) == 0 {
		return h.RemoveNetwork(ctx, baseName(record.Service, record.Target))
	}
	for _, c := range previous {
		if err := bringBack(ctx, h, c); err != nil {
			return err
		}
	}
	return restart(ctx, h, cs, record.ID)
}

func bringBack(ctx context.Context, h host, c catalog.Container) error {
	name := strings.TrimSuffix(c.Name, previousSuffix)
	if err := h.Rename(ctx, c.ID, name); err != nil {
		return fmt.Errorf("name %s %s again: %w", c.Name, name, err)
	}
	return nil
}

// restart starts the containers of a target that are stopped, but for those of
// one deployment and those that run once.
func restart(ctx context.Context, h host, cs []catalog.Container, except string) error {
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

// finish keeps the release that was put aside in the deployment's target, and
// removes what is not kept any longer. A host that can't is finished by the next
// deployment.
func (p *hostPlatform) finish(ctx context.Context, record catalog.Deployment) error {
	return onEveryHost(ctx, p.used(), func(ctx context.Context, h host) error {
		cs, err := listTarget(ctx, h, record.Service, record.Target)
		if err != nil {
			return err
		}
		for _, c := range cs {
			if c.Labels[catalog.LabelDeployment] == record.ID && !isTask(c) || !isAside(c) && !isTask(c) {
				continue
			}
			dispose := discard
			if worthKeeping(record, c) {
				dispose = keep
			}
			if err := dispose(ctx, h, c); err != nil {
				return err
			}
		}
		return dropSurplus(ctx, h, record)
	})
}

// rest stops a target on all hosts, who depends on others first.
func (p *hostPlatform) rest(ctx context.Context, service string, t catalog.Target) error {
	return onEveryHost(ctx, p.used(), func(ctx context.Context, h host) error {
		cs, err := listTarget(ctx, h, service, t)
		if err != nil {
			return err
		}
		for n := len(cs) - 1; n >= 0; n-- {
			if err := h.Stop(ctx, cs[n].ID, defaultStopGrace); err != nil {
				return fmt.Errorf("stop %s: %w", cs[n].Name, err)
			}
		}
		return nil
	})
}
