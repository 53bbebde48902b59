package hosts

import (
	"context"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/work"
)

// putAside stops what a target holds on a host, and gives its names away.
func (p *Platform) putAside(ctx context.Context, w work.Order, h Connected, l leftovers, names vacancies) error {
	for _, c := range l.discard {
		if err := discard(ctx, h, c); err != nil {
			return err
		}
		w.Step(h.Name(), c.Name, "removed what an earlier deployment left")
	}
	for _, c := range l.keep {
		if !plan.IsRegistered(c) {
			if err := names.vacate(ctx, h, c); err != nil {
				return err
			}
		}
	}
	return eachPart(ctx, l.keep, func(ctx context.Context, c catalog.Container) error {
		if err := stopOne(ctx, h, c); err != nil {
			return err
		}
		if !plan.IsAside(c) {
			w.Step(h.Name(), c.Name, "stopped the standby and put it aside")
		}
		if !plan.IsRegistered(c) {
			return nil
		}
		return names.vacate(ctx, h, c)
	})
}
