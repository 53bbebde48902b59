package deployer

import (
	"context"
	"fmt"

	"teal/catalog"
)

// awaitDependencies waits until the parts that c comes after are as far as its
// conditions say. They have been started before.
func (r *run) awaitDependencies(ctx context.Context, h host, c PlannedContainer) error {
	deadline := r.opt.Now().Add(r.spec.Timeout)
	for _, d := range c.After {
		for d.Condition != Started {
			mine, err := r.mine(ctx, h)
			if err != nil {
				return err
			}
			met, err := meets(mine, d)
			if err != nil {
				return fmt.Errorf("part %s waits for %s: %w", c.Part, d.Part, err)
			}
			if met {
				break
			}
			if r.opt.Now().After(deadline) {
				return fmt.Errorf("part %s waited %s for %s (%s) in vain", c.Part, r.spec.Timeout, d.Part, d.Condition)
			}
			if err := r.pause(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// mine lists what this deployment has started on a host.
func (r *run) mine(ctx context.Context, h host) ([]catalog.Container, error) {
	cs, err := h.List(ctx, map[string]string{catalog.LabelService: r.record.Service, catalog.LabelDeployment: r.record.ID})
	if err != nil {
		return nil, fmt.Errorf("list the containers of deployment %s: %w", r.record.ID, err)
	}
	return cs, nil
}

// meets tells whether a dependency is met. A container whose image has no
// HEALTHCHECK counts as healthy once it runs: there is nothing to ask.
func meets(containers []catalog.Container, d Dependency) (bool, error) {
	for _, c := range containers {
		if c.Labels[catalog.LabelPart] != d.Part {
			continue
		}
		switch {
		case !c.Running && (d.Condition == Healthy || c.ExitCode != 0):
			return false, fmt.Errorf("%s exited with %d", c.Name, c.ExitCode)
		case d.Condition == Healthy && c.Health != "" && c.Health != "healthy":
			return false, nil
		case d.Condition == Completed && c.Running:
			return false, nil
		}
	}
	return true, nil
}
