package deployer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"teal/catalog"
)

// awaitRouted waits until every living router sends requests to the guards of a
// flip as soon as it applies the flip: a router that has not heard of them yet
// would answer 503 for a moment. It is short, and what it waited for in vain it
// answers in sentences: the health of the guards is Consul's to vouch for. A
// router that does not answer is not waited for; its record outlives it a while.
func (d *Deployer) awaitRouted(ctx context.Context, service string, guards []catalog.Instance) []string {
	if d.opt.Fleet == nil {
		return nil
	}
	ctx, done := context.WithTimeout(ctx, d.opt.Routed)
	defer done()
	routers, err := d.opt.Store.Routers(ctx)
	if err != nil {
		return []string{fmt.Sprintf("the routers can't be asked whether they know the instances that are flipped to: %s", err)}
	}
	want := map[catalog.Target]int{}
	for _, g := range guards {
		want[g.Target]++
	}
	var notes []string
	pause := d.pacer()
	for {
		var silent []string
		routers, silent = d.behind(ctx, routers, service, want)
		notes = append(notes, silent...)
		if len(routers) == 0 {
			return notes
		}
		if ctx.Err() != nil || pause(ctx) != nil {
			return append(notes, fmt.Sprintf("routers %s do not yet send requests to all instances that are flipped to, after %s", ids(routers), d.opt.Routed))
		}
	}
}

// behind asks all routers at once and answers those that route to fewer
// instances of a target than wanted, and sentences about those that do not
// answer.
func (d *Deployer) behind(ctx context.Context, routers []catalog.RouterRecord, service string, want map[catalog.Target]int) (behind []catalog.RouterRecord, silent []string) {
	ready, errs := make([]bool, len(routers)), make([]error, len(routers))
	var wait sync.WaitGroup
	for n, router := range routers {
		wait.Go(func() { ready[n], errs[n] = d.routes(ctx, router, service, want) })
	}
	wait.Wait()
	for n, router := range routers {
		switch {
		case errs[n] != nil:
			silent = append(silent, fmt.Sprintf("router %s does not tell whether it knows the instances that are flipped to: %s", router.ID, errs[n]))
		case !ready[n]:
			behind = append(behind, router)
		}
	}
	return behind, silent
}

// routes tells whether a router routes to as many instances of each target as
// wanted.
func (d *Deployer) routes(ctx context.Context, router catalog.RouterRecord, service string, want map[catalog.Target]int) (bool, error) {
	for t, n := range want {
		view, err := d.opt.Fleet.Target(ctx, router, service, t)
		if err != nil || view.Routed < n {
			return false, err
		}
	}
	return true, nil
}

// ids names routers, in order.
func ids(routers []catalog.RouterRecord) string {
	names := make([]string, len(routers))
	for n, r := range routers {
		names[n] = r.ID
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
