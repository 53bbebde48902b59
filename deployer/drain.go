package deployer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"teal/catalog"
	"teal/fleet"
)

// conclude waits for the fleet, removes what was put aside and records the
// success. The flip is through, so nothing here undoes it: what can't be waited
// for is noted, and what can't be recorded is left for the next run to finish.
func (r *run) conclude(ctx context.Context) error {
	var old []catalog.Target
	for _, t := range r.record.Previous.Live() {
		if t != r.record.Target {
			old = append(old, t)
		}
	}
	notes := r.awaitFleet(ctx, r.record.Service, r.index, old, r.spec.Drain)
	if errors.Is(context.Cause(ctx), catalog.ErrLockLost) {
		return r.afterFlip(context.Cause(ctx))
	}
	ctx, done := bounded(ctx, cleanupTimeout)
	defer done()
	if err := r.removePrevious(ctx, r.hosts, r.record); err != nil {
		notes = append(notes, fmt.Sprintf("some replaced containers could not be removed; the next deployment does: %s", err))
	}
	for _, n := range notes {
		r.note("%s", n)
	}
	next := r.record.Enter(catalog.Succeeded, r.opt.Now(), strings.Join(notes, "; "))
	if err := r.opt.Store.PutDeployment(ctx, next, r.lock.session); err != nil {
		return r.afterFlip(fmt.Errorf("record that the deployment succeeded: %w", err))
	}
	r.record = next
	r.tell(Event{Kind: Entered, State: catalog.Succeeded, Text: r.heading(catalog.Succeeded)})
	return nil
}

// afterFlip is a failure that left the new release live.
func (r *run) afterFlip(err error) error {
	return &Failure{
		Stage: r.record.State, Outcome: catalog.Failed, Deployment: r.record.ID, Err: err,
		Reason: fmt.Sprintf("release %s is live, but the deployment could not be finished; the next one does: %s", r.record.Release, err),
	}
}

// removePrevious removes the containers that were put aside in a target.
func (d *Deployer) removePrevious(ctx context.Context, hosts []host, record catalog.Deployment) error {
	return onEveryHost(ctx, hosts, func(ctx context.Context, h host) error {
		cs, err := listTarget(ctx, h, record.Service, record.Target)
		if err != nil {
			return err
		}
		for _, c := range cs {
			if c.Labels[catalog.LabelDeployment] == record.ID || !strings.HasSuffix(c.Name, previousSuffix) {
				continue
			}
			if err := discard(ctx, h, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// awaitFleet waits until every living router has applied the flip, then until
// none has a request at the old targets, within bounds. It answers what it
// waited for in vain, in sentences.
func (d *Deployer) awaitFleet(ctx context.Context, service string, index uint64, old []catalog.Target, drain time.Duration) []string {
	f := fleet.Flip{Service: service, Index: index, Old: old}
	routers, notes := d.awaitApplied(ctx, f)
	if routers == 0 || len(old) == 0 || d.opt.Fleet == nil || ctx.Err() != nil {
		return notes
	}
	return append(notes, d.awaitDrained(ctx, f, drain)...)
}

// observer looks at the routers. Without ask it believes their records.
func (d *Deployer) observer(ask fleet.Asker) *fleet.Observer {
	return &fleet.Observer{Records: d.opt.Store, Ask: ask, Poll: d.opt.Poll}
}

// awaitApplied answers how many routers live and, if not all have told in time
// that they applied the flip, who has not.
func (d *Deployer) awaitApplied(ctx context.Context, f fleet.Flip) (int, []string) {
	bound, done := context.WithTimeout(ctx, d.opt.Acknowledge)
	defer done()
	seen := d.observer(nil).Await(bound, f, fleet.Applied)
	routers := len(seen.Routers)
	switch {
	case seen.Applied() && routers == 0:
		return 0, []string{"no router is running, so nobody gets the service through Teal yet"}
	case seen.Applied():
		return routers, nil
	case ctx.Err() != nil:
		return routers, []string{"it was interrupted before all routers had told that they applied the flip"}
	case seen.Err != nil:
		return 0, []string{fmt.Sprintf("the routers can't be asked whether they applied the flip: %s", seen.Err)}
	}
	return routers, []string{fmt.Sprintf("routers %s have not applied the flip after %s; see their logs", strings.Join(seen.Behind(), ", "), d.opt.Acknowledge)}
}

func (d *Deployer) awaitDrained(ctx context.Context, f fleet.Flip, drain time.Duration) []string {
	bound, done := context.WithTimeout(ctx, drain)
	defer done()
	seen := d.observer(d.opt.Fleet).Await(bound, f, fleet.Drained)
	switch {
	case seen.Drained():
		return nil
	case seen.Moved != "":
		return []string{fmt.Sprintf("the old release is not waited for: %s", seen.Moved)}
	case ctx.Err() != nil:
		return []string{"it was interrupted before the last requests at the old release had ended"}
	case seen.Left() > 0:
		return []string{fmt.Sprintf("%d requests are still under way at the old release after %s; it keeps running", seen.Left(), drain)}
	}
	return []string{fmt.Sprintf("it is not known after %s whether requests are left at the old release: %s", drain, seen)}
}
