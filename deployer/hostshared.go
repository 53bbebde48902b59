package deployer

import (
	"context"
	"fmt"

	"teal/catalog"
)

// startShared sees to it that the parts run that belong to no colour. What runs
// already is left alone, even when the file says something else by now: it holds
// what the service lives on.
func (p *hostPlatform) startShared(ctx context.Context, w work, h host) error {
	if len(w.plan.Shared) == 0 {
		return nil
	}
	if err := h.EnsureNetwork(ctx, w.plan.SharedNetwork, w.plan.SharedLabels); err != nil {
		return fmt.Errorf("make network %s: %w", w.plan.SharedNetwork, err)
	}
	there, err := h.List(ctx, w.plan.SharedLabels)
	if err != nil {
		return fmt.Errorf("list the shared parts: %w", err)
	}
	byName := map[string]catalog.Container{}
	for _, c := range there {
		byName[c.Name] = c
	}
	for _, c := range w.plan.Shared {
		if err := p.awaitPlanned(ctx, w, h, c); err != nil {
			return err
		}
		if err := shareOne(ctx, w, h, c, byName); err != nil {
			return err
		}
	}
	return nil
}

func shareOne(ctx context.Context, w work, h host, want PlannedContainer, there map[string]catalog.Container) error {
	c, ok := there[want.Name]
	if !ok {
		if _, err := startOne(ctx, h, want.ContainerSpec); err != nil {
			return err
		}
		w.step(h.Name(), want.Name, "started, for all colours")
		return nil
	}
	if c.Labels[catalog.LabelSpec] != want.Labels[catalog.LabelSpec] {
		w.note("shared part %s on %s differs from the file and is left as it is; to replace it, stop and remove %s at a time of your choice and deploy again", want.Part, h.Name(), c.Name)
	}
	if c.Running {
		return nil
	}
	if err := h.Start(ctx, c.ID); err != nil {
		return fmt.Errorf("start %s: %w", c.Name, err)
	}
	w.step(h.Name(), c.Name, "started again, for all colours")
	return nil
}

// isShared tells whether a container belongs to an environment and to no target.
func isShared(c catalog.Container) bool { return c.Labels[catalog.LabelScope] == catalog.ScopeShared }

// isTask tells whether a container runs a task or a test and is no part of its
// target.
func isTask(c catalog.Container) bool { return c.Labels[catalog.LabelTask] != "" }
