package hosts

import (
	"cmp"
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// stopParts stops containers, as eachPart goes through them.
func stopParts(ctx context.Context, h Connected, cs []catalog.Container) error {
	return eachPart(ctx, cs, func(ctx context.Context, c catalog.Container) error { return stopOne(ctx, h, c) })
}

// stopOne stops a container, which may take as long as was said when it was made.
func stopOne(ctx context.Context, h Connected, c catalog.Container) error {
	if err := h.Stop(ctx, c.ID, cmp.Or(c.StopGrace, servicefile.DefaultStopGrace)); err != nil {
		return fmt.Errorf("stop %s: %w", c.Name, err)
	}
	return nil
}

// eachPart does something with containers, the oldest of which is the first in
// the list: with all replicas of a part at once, and with those who depend on
// others before them.
func eachPart(ctx context.Context, cs []catalog.Container, do func(context.Context, catalog.Container) error) error {
	for end := len(cs); end > 0; {
		begin := end - 1
		for begin > 0 && cs[begin-1].Labels[catalog.LabelPart] == cs[end-1].Labels[catalog.LabelPart] {
			begin--
		}
		group, ctx := errgroup.WithContext(ctx)
		for _, c := range cs[begin:end] {
			group.Go(func() error { return do(ctx, c) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		end = begin
	}
	return nil
}

// discard stops and removes a container.
func discard(ctx context.Context, h Connected, c catalog.Container) error {
	if err := stopOne(ctx, h, c); err != nil {
		return err
	}
	return removeOne(ctx, h, c)
}

// discardUnused is discard for one that never had users: what waits for its place
// must not wait for long.
func discardUnused(ctx context.Context, h Connected, c catalog.Container) error {
	c.StopGrace = min(c.StopGrace, servicefile.DefaultStopGrace)
	return discard(ctx, h, c)
}

func removeOne(ctx context.Context, h Connected, c catalog.Container) error {
	if err := h.Remove(ctx, c.ID); err != nil {
		return fmt.Errorf("remove %s: %w", c.Name, err)
	}
	return nil
}
