package hosts

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/work"
)

// Stage puts aside what the target holds and starts the work, a batch of hosts at
// a time. The earlier containers are stopped and kept under another name, so that
// a failure can bring them back. In an uncoloured environment this is the outage:
// its only containers stop, and the new ones get requests as soon as they pass.
// Running both side by side would need two private networks and volumes, which is
// what coloured environments are.
func (p *Platform) Stage(ctx context.Context, w work.Order, ready func(context.Context, int) error) error {
	hosts := p.used()
	size := len(hosts)
	if w.Env.Batch > 0 {
		size = w.Env.Batch
	}
	for n, batch := range slices.Collect(slices.Chunk(hosts, size)) {
		err := p.onAll(ctx, w, batch, func(ctx context.Context, h Connected) error { return p.stageOn(ctx, w, h) })
		if err != nil {
			return err
		}
		started := min((n+1)*size, len(hosts)) - (len(hosts) - len(p.used()))
		if started == len(p.used()) {
			return nil
		}
		if err := ready(ctx, started*w.Env.Replicas); err != nil {
			return err
		}
	}
	return nil
}

// stageOn creates the new containers of a host while the earlier ones still end,
// each once its name is free, and starts them when all of those have ended: old
// and new share names on the network, volumes and ports.
func (p *Platform) stageOn(ctx context.Context, w work.Order, h Connected) error {
	there, err := listTarget(ctx, h, w.Record.Service, w.Record.Target)
	if err != nil {
		return err
	}
	old := arrange(there, w.Record.Replaces)
	names := vacanciesAfter(old)
	var ids []string
	group, together := errgroup.WithContext(ctx)
	group.Go(func() error { return p.putAside(together, w, h, old, names) })
	group.Go(func() (err error) {
		ids, err = p.create(together, w, h, names)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return p.start(ctx, w, h, ids)
}

// listTarget lists a target's containers on a host, the oldest first. Those of
// releases that are kept are no part of it.
func listTarget(ctx context.Context, h Host, service string, t catalog.Target) ([]catalog.Container, error) {
	cs, err := listColour(ctx, h, service, t)
	return slices.DeleteFunc(cs, plan.IsKept), err
}

// listColour lists a target's containers and those kept that once were, the
// oldest first.
func listColour(ctx context.Context, h Host, service string, t catalog.Target) ([]catalog.Container, error) {
	cs, err := h.List(ctx, plan.TargetLabels(service, t))
	if err != nil {
		return nil, fmt.Errorf("list the containers of %s: %w", t, err)
	}
	cs = slices.DeleteFunc(cs, func(c catalog.Container) bool {
		return c.Labels[catalog.LabelColour] != string(t.Colour) || plan.IsShared(c) // no label can be asked for as missing
	})
	slices.SortStableFunc(cs, func(a, b catalog.Container) int { return a.Created.Compare(b.Created) })
	return cs, nil
}
