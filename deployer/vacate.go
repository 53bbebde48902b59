package deployer

import (
	"context"
	"fmt"
	"strings"

	"teal/catalog"
	"teal/fleet"
)

// vacate waits until no router sends requests to what the target held before,
// and none is under way there, so that stopping it breaks none off: that of
// somebody who looks at the standby, or, in an uncoloured environment, anybody's.
// It is bounded by the service's drain time. Where the new release has the old
// one's name routers can't tell the two apart, and there is nothing to wait for.
func (r *run) vacate(ctx context.Context) {
	old := r.record.Replaces
	if r.opt.Fleet == nil || old == nil || old.ID == r.record.Release {
		return
	}
	routers, err := r.opt.Store.Routers(ctx)
	if err != nil || len(routers) == 0 {
		return // nobody routes, or the checks will tell that Consul is away
	}
	deadline := r.opt.Now().Add(r.spec.Drain)
	pause := fleet.Pacer(r.opt.Poll)
	for {
		left := r.lingering(ctx, routers)
		switch {
		case len(left) == 0:
			return
		case r.opt.Now().After(deadline):
			r.note("routers %s still have requests at what %s held before, after %s; it is stopped now", strings.Join(fleet.IDs(left), ", "), r.record.Target, r.spec.Drain)
			return
		case pause(ctx) != nil:
			return
		}
	}
}

// lingering are the routers that send requests to the target, or have some under
// way there. One that does not answer is not waited for.
func (r *run) lingering(ctx context.Context, routers []catalog.RouterRecord) []catalog.RouterRecord {
	var left []catalog.RouterRecord
	for _, router := range routers {
		view, err := r.opt.Fleet.Target(ctx, router, r.record.Service, r.record.Target)
		if err != nil {
			r.opt.Logger.Warn("a router does not tell what it has under way", "router", router.ID, "error", fmt.Errorf("before %s is replaced: %w", r.record.Target, err))
			continue
		}
		if view.Routed > 0 || view.InFlight > 0 {
			left = append(left, router)
		}
	}
	return left
}
