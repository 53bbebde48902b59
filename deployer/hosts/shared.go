package hosts

import (
	"context"
	"fmt"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/work"
)

// startShared sees to it that the parts run that belong to no colour. What runs
// already is left alone, even when the file says something else by now: it holds
// what the service lives on.
func (p *Platform) startShared(ctx context.Context, w work.Order, h Connected) error {
	if len(w.Plan.Shared) == 0 {
		return nil
	}
	if err := h.EnsureNetwork(ctx, w.Plan.SharedNetwork, w.Plan.SharedLabels); err != nil {
		return fmt.Errorf("make network %s: %w", w.Plan.SharedNetwork, err)
	}
	there, err := h.List(ctx, w.Plan.SharedLabels)
	if err != nil {
		return fmt.Errorf("list the shared parts: %w", err)
	}
	byName := map[string]catalog.Container{}
	for _, c := range there {
		byName[c.Name] = c
	}
	for _, c := range w.Plan.Shared {
		if err := p.awaitPlanned(ctx, w, h, c); err != nil {
			return err
		}
		if err := shareOne(ctx, w, h, c, byName); err != nil {
			return err
		}
	}
	return nil
}

func shareOne(ctx context.Context, w work.Order, h Connected, want plan.Container, there map[string]catalog.Container) error {
	c, ok := there[want.Name]
	if !ok {
		if _, err := startOne(ctx, h, want.ContainerSpec); err != nil {
			return err
		}
		w.Step(h.Name(), want.Name, "started, for all colours")
		return nil
	}
	if c.Labels[catalog.LabelSpec] != want.Labels[catalog.LabelSpec] {
		w.Note("shared part %s on %s differs from the file and is left as it is; to replace it, stop and remove %s at a time of your choice and deploy again", want.Part, h.Name(), c.Name)
	}
	if c.Running {
		return nil
	}
	if err := h.Start(ctx, c.ID); err != nil {
		return fmt.Errorf("start %s: %w", c.Name, err)
	}
	w.Step(h.Name(), c.Name, "started again, for all colours")
	return nil
}
