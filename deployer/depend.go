package deployer

import (
	"context"
	"fmt"
	"slices"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// awaitDependencies waits until the parts that c comes after are as far as its
// conditions say. They have been started before.
func (p *hostPlatform) awaitDependencies(ctx context.Context, w work, h host, c PlannedContainer) error {
	deadline := p.opt.Now().Add(w.spec.Timeout)
	for _, d := range c.After {
		for d.Condition != servicefile.Started {
			there, err := p.mineOrShared(ctx, w, h)
			if err != nil {
				return err
			}
			met, err := meets(there, d)
			if err != nil {
				return fmt.Errorf("part %s waits for %s: %w", c.Part, d.Part, err)
			}
			if met {
				break
			}
			if p.opt.Now().After(deadline) {
				return fmt.Errorf("part %s waited %s for %s (%s) in vain", c.Part, w.spec.Timeout, d.Part, d.Condition)
			}
			if err := p.pause(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// mine lists what a deployment has started on a host as parts of its target.
func mine(ctx context.Context, h Host, record catalog.Deployment) ([]catalog.Container, error) {
	cs, err := h.List(ctx, map[string]string{catalog.LabelService: record.Service, catalog.LabelDeployment: record.ID})
	if err != nil {
		return nil, fmt.Errorf("list the containers of deployment %s: %w", record.ID, err)
	}
	return slices.DeleteFunc(cs, isTask), nil
}

func (p *hostPlatform) mineOrShared(ctx context.Context, w work, h host) ([]catalog.Container, error) {
	cs, err := mine(ctx, h, w.record)
	if err != nil || len(w.plan.Shared) == 0 {
		return cs, err
	}
	shared, err := h.List(ctx, w.plan.SharedLabels)
	if err != nil {
		return nil, fmt.Errorf("list the shared parts: %w", err)
	}
	return append(cs, shared...), nil
}

// meets tells whether a dependency is met. A container without a HEALTHCHECK, of
// its part or its image, counts as healthy once it runs: there is nothing to ask.
func meets(containers []catalog.Container, d servicefile.Dependency) (bool, error) {
	for _, c := range containers {
		if c.Labels[catalog.LabelPart] != d.Part {
			continue
		}
		switch {
		case !c.Running && (d.Condition == servicefile.Healthy || c.ExitCode != 0):
			return false, fmt.Errorf("%s exited with %d", c.Name, c.ExitCode)
		case d.Condition == servicefile.Healthy && c.Health != "" && c.Health != "healthy":
			return false, nil
		case d.Condition == servicefile.Completed && c.Running:
			return false, nil
		}
	}
	return true, nil
}
