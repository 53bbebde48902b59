package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"teal/catalog"
)

// errNotCounted: the answer lacks the counts.
var errNotCounted = errors.New("it does not count what comes of requests; it may be of an older release of Teal: update it")

// Traffic asks all living routers at once what came of the requests that they
// sent to a target. Routers that do not tell are named in the report; it is an
// error when none does.
func (o *Observer) Traffic(ctx context.Context, service string, t catalog.Target) (TrafficReport, error) {
	if o.Ask == nil {
		return TrafficReport{}, fmt.Errorf("nobody may ask the routers about the traffic of %s of %s", t, service)
	}
	listed, err := o.Records.Routers(ctx)
	if err != nil {
		return TrafficReport{}, fmt.Errorf("look which routers live, to ask about the traffic of %s of %s: %w", t, service, err)
	}
	if len(listed) == 0 {
		return TrafficReport{}, fmt.Errorf("no router lives that could tell about the traffic of %s of %s; start one", t, service)
	}
	report := TrafficReport{At: time.Now()}
	told, errs := o.readAll(ctx, listed, service, t)
	for n, r := range listed {
		if errs[n] != nil {
			report.Silent = append(report.Silent, SilentRouter{r.ID, errs[n].Error()})
			continue
		}
		report.Routers = append(report.Routers, RouterTraffic{ID: r.ID, Admin: r.Admin, Traffic: told[n]})
	}
	if len(report.Routers) == 0 {
		return report, fmt.Errorf("no router tells about the traffic of %s of %s: %w", t, service, errors.Join(errs...))
	}
	slices.SortStableFunc(report.Routers, func(a, b RouterTraffic) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortStableFunc(report.Silent, bySilentID)
	return report, nil
}

// readAll reads the counts of routers, all at once.
func (o *Observer) readAll(ctx context.Context, routers []catalog.RouterRecord, service string, t catalog.Target) ([]Traffic, []error) {
	told, errs := make([]Traffic, len(routers)), make([]error, len(routers))
	var wait sync.WaitGroup
	for n, r := range routers {
		wait.Go(func() { told[n], errs[n] = o.readOne(ctx, r, service, t) })
	}
	wait.Wait()
	return told, errs
}

func (o *Observer) readOne(ctx context.Context, r catalog.RouterRecord, service string, t catalog.Target) (Traffic, error) {
	view, err := o.Ask.Target(ctx, r, service, t)
	switch {
	case err != nil:
		return Traffic{}, err
	case view.Traffic == nil:
		return Traffic{}, fmt.Errorf("read the traffic that router %s counted: %w", r.ID, errNotCounted)
	}
	return *view.Traffic, nil
}
