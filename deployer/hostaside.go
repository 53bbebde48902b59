package deployer

import (
	"context"

	"teal/catalog"
)

// previousSuffix marks the containers of the release that a deployment replaces in
// its target, stopped or about to be, until the new one is there to stay.
const previousSuffix = ".previous"

// putAside stops what a target holds on a host, and gives its names away.
func (p *hostPlatform) putAside(ctx context.Context, w work, h host, l leftovers, names vacancies) error {
	for _, c := range l.discard {
		if err := discard(ctx, h, c); err != nil {
			return err
		}
		w.step(h.Name(), c.Name, "removed what an earlier deployment left")
	}
	for _, c := range l.keep {
		if !isRegistered(c) {
			if err := names.vacate(ctx, h, c); err != nil {
				return err
			}
		}
	}
	return eachPart(ctx, l.keep, func(ctx context.Context, c catalog.Container) error {
		if err := stopOne(ctx, h, c); err != nil {
			return err
		}
		if !isAside(c) {
			w.step(h.Name(), c.Name, "stopped the standby and put it aside")
		}
		if !isRegistered(c) {
			return nil
		}
		return names.vacate(ctx, h, c)
	})
}

// isRegistered tells whether a container has instances in Consul while it runs,
// whose ids have its name in them.
func isRegistered(c catalog.Container) bool { return c.Labels[catalog.ServiceIgnore] == "" }
