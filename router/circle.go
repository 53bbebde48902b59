package router

import (
	"context"
	"errors"
	"maps"
	"slices"

	"teal/catalog"
	"teal/fleet"
)

// circle is the fleet as this router sees it: the others over their admin API,
// and itself directly, also when its record is not in Consul at this moment. It
// is what a flip that waits needs to know.
type circle struct {
	router *Router
	others fleet.Asker
}

// Routers implements fleet.Records.
func (c *circle) Routers(ctx context.Context) ([]catalog.RouterRecord, error) {
	list, err := c.router.opt.Roster.Routers(ctx)
	if err != nil || slices.ContainsFunc(list, c.isOwn) {
		return list, err
	}
	return append(list, c.router.announce.record), nil
}

// Service implements fleet.Records.
func (c *circle) Service(ctx context.Context, name string) (*catalog.Service, error) {
	return c.router.opt.Flipper.Service(ctx, name)
}

// Target implements fleet.Asker.
func (c *circle) Target(ctx context.Context, r catalog.RouterRecord, service string, t catalog.Target) (fleet.TargetView, error) {
	if c.isOwn(r) {
		return c.router.view(service, t)
	}
	return c.others.Target(ctx, r, service, t)
}

func (c *circle) isOwn(r catalog.RouterRecord) bool {
	own := c.router.announce.record
	return r.ID == own.ID && r.Admin == own.Admin
}

// view is what the admin API would say of a target: the counters are read after
// the table.
func (r *Router) view(service string, t catalog.Target) (fleet.TargetView, error) {
	table := r.dispatch.table.Load()
	if table == nil {
		return fleet.TargetView{}, errors.New("it has not read the service catalogue yet")
	}
	inFlight, _ := r.ledger.inFlight(service, t)
	part := table.part(service)
	traffic := r.ledger.traffic(service, t)
	view := fleet.TargetView{InFlight: int(inFlight), Applied: table.snapshot.AliasIndex, Aliases: part.senders(t), Traffic: &traffic}
	if pool := part.pool(t); pool != nil {
		view.Routed = len(pool.backends)
	}
	return view, nil
}

// senders are the aliases that send requests to t, in order.
func (p *part) senders(t catalog.Target) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(p.aliases)) {
		if p.aliases[name].Value.Sends(t) {
			names = append(names, name)
		}
	}
	return names
}
