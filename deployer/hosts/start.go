package hosts

import (
	"context"
	"errors"
	"fmt"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/work"
)

// create creates all of the work on a host, and what it shares, and answers the
// ids in the plan's order.
func (p *Platform) create(ctx context.Context, w work.Order, h Connected, names vacancies) (ids []string, err error) {
	if err := p.startShared(ctx, w, h); err != nil {
		return nil, err
	}
	if err := h.EnsureNetwork(ctx, w.Plan.Network, w.Plan.NetworkLabels); err != nil {
		return nil, fmt.Errorf("make network %s: %w", w.Plan.Network, err)
	}
	for _, c := range w.Plan.Containers {
		if err := names.await(ctx, c.Name); err != nil {
			return nil, err
		}
		id, err := createOne(ctx, h, c.ToStart(w.Env.Weights[h.Endpoint], plan.MannerFor(w.Spec, c)))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// start starts what was created, what others wait for first.
func (p *Platform) start(ctx context.Context, w work.Order, h Connected, ids []string) error {
	for n, c := range w.Plan.Containers {
		if err := p.awaitPlanned(ctx, w, h, c); err != nil {
			return err
		}
		if err := h.Start(ctx, ids[n]); err != nil {
			return fmt.Errorf("start %s: %w", c.Name, err)
		}
		w.Step(h.Name(), c.Name, "started")
	}
	return nil
}

func createOne(ctx context.Context, h Connected, spec catalog.ContainerSpec) (id string, err error) {
	id, err = h.Create(ctx, spec)
	if errors.Is(err, catalog.ErrNameTaken) {
		return "", fmt.Errorf("create %s: a container that is not Teal's has that name; rename or remove it: %w", spec.Name, err)
	}
	if err != nil {
		return "", fmt.Errorf("create %s: %w", spec.Name, err)
	}
	return id, nil
}

func startOne(ctx context.Context, h Connected, spec catalog.ContainerSpec) (id string, err error) {
	id, err = createOne(ctx, h, spec)
	if err != nil {
		return "", err
	}
	if err := h.Start(ctx, id); err != nil {
		return id, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return id, nil
}
