package fleet

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"teal/catalog"
)

// AwaitRouted waits, before a flip, until every living router sends requests to
// the guards as soon as it applies the flip: one that has not heard of them yet
// would answer 503 for a moment. It answers who does not when ctx ends. A router
// that does not answer is not waited for, as its record outlives it a while; why
// is in silent.
func (o *Observer) AwaitRouted(ctx context.Context, service string, guards []catalog.Instance) (unready []string, silent []error, err error) {
	waiting, err := o.Records.Routers(ctx)
	if err != nil {
		return nil, nil, err
	}
	want := map[catalog.Target]int{}
	for _, g := range guards {
		want[g.Target]++
	}
	pause := Pacer(cmp.Or(o.Poll, DefaultPoll))
	for {
		var mute []error
		waiting, mute = o.unready(ctx, waiting, service, want)
		silent = append(silent, mute...)
		if len(waiting) == 0 || ctx.Err() != nil || pause(ctx) != nil {
			return IDs(waiting), silent, nil
		}
	}
}

// unready asks all routers at once and answers those that route to fewer
// instances of a target than wanted, and why others tell nothing.
func (o *Observer) unready(ctx context.Context, routers []catalog.RouterRecord, service string, want map[catalog.Target]int) (unready []catalog.RouterRecord, silent []error) {
	ready, errs := make([]bool, len(routers)), make([]error, len(routers))
	var wait sync.WaitGroup
	for n, router := range routers {
		wait.Go(func() { ready[n], errs[n] = o.routes(ctx, router, service, want) })
	}
	wait.Wait()
	for n, router := range routers {
		switch {
		case errs[n] != nil && ctx.Err() == nil:
			silent = append(silent, fmt.Errorf("router %s does not tell whether it knows the instances that are flipped to: %w", router.ID, errs[n]))
		case !ready[n]:
			unready = append(unready, router)
		}
	}
	return unready, silent
}

// routes tells whether a router routes to as many instances of each target as
// wanted.
func (o *Observer) routes(ctx context.Context, router catalog.RouterRecord, service string, want map[catalog.Target]int) (bool, error) {
	for t, n := range want {
		view, err := o.Ask.Target(ctx, router, service, t)
		if err != nil || view.Routed < n {
			return false, err
		}
	}
	return true, nil
}
