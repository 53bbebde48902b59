package hosts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/servicefile"
	"teal/deployer/timing"
	"teal/deployer/work"
)

// dependent is a part that comes after others.
type dependent struct {
	part    string
	after   []servicefile.Dependency
	timeout time.Duration
}

// awaitPlanned is awaitDependencies for what is planned on a host.
func (p *Platform) awaitPlanned(ctx context.Context, w work.Order, h Connected, c plan.Container) error {
	return p.awaitDependencies(ctx, dependent{c.Part, c.After, w.Spec.Timeout}, func(ctx context.Context) ([]catalog.Container, error) {
		return p.mineOrShared(ctx, w, h)
	})
}

// awaitDependencies waits until the parts that one comes after are as far as its
// conditions say, by what look sees of them. They have been started before.
func (p *Platform) awaitDependencies(ctx context.Context, who dependent, look func(context.Context) ([]catalog.Container, error)) error {
	deadline := p.via.Now().Add(who.timeout)
	for _, d := range who.after {
		for d.Condition != servicefile.Started {
			there, err := look(ctx)
			if err != nil {
				return err
			}
			met, err := meets(there, d)
			if err != nil {
				return fmt.Errorf("part %s waits for %s: %w", who.part, d.Part, err)
			}
			if met {
				break
			}
			if p.via.Now().After(deadline) {
				return fmt.Errorf("part %s waited %s for %s (%s) in vain", who.part, who.timeout, d.Part, d.Condition)
			}
			if err := timing.Sleep(ctx, p.via.Poll); err != nil {
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
	return slices.DeleteFunc(cs, plan.IsTask), nil
}

func (p *Platform) mineOrShared(ctx context.Context, w work.Order, h Connected) ([]catalog.Container, error) {
	cs, err := mine(ctx, h, w.Record)
	if err != nil || len(w.Plan.Shared) == 0 {
		return cs, err
	}
	shared, err := h.List(ctx, w.Plan.SharedLabels)
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
		case d.Condition == servicefile.Healthy && plan.IsAiling(c):
			return false, nil
		case d.Condition == servicefile.Completed && c.Running:
			return false, nil
		}
	}
	return true, nil
}
