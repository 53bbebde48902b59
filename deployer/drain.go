package deployer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"teal/catalog"
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
	routers, notes := d.awaitApplied(ctx, index)
	if len(routers) == 0 || len(old) == 0 || d.opt.Fleet == nil || ctx.Err() != nil {
		return notes
	}
	return append(notes, d.awaitDrained(ctx, routers, service, old, drain)...)
}

// awaitApplied answers the living routers and, if not all have applied the flip
// in time, who has not.
func (d *Deployer) awaitApplied(ctx context.Context, index uint64) ([]catalog.RouterRecord, []string) {
	deadline := d.opt.Now().Add(d.opt.Acknowledge)
	pause := d.pacer()
	for {
		routers, err := d.opt.Store.Routers(ctx)
		var behind []string
		for _, r := range routers {
			if r.Applied < index {
				behind = append(behind, r.ID)
			}
		}
		switch {
		case err == nil && len(routers) == 0:
			return nil, []string{"no router is running, so nobody gets the service through Teal yet"}
		case err == nil && len(behind) == 0:
			return routers, nil
		case ctx.Err() != nil:
			return routers, []string{"it was interrupted before all routers had told that they applied the flip"}
		case d.opt.Now().Before(deadline):
			_ = pause(ctx) // an ended context is seen on the next turn
		case err != nil:
			return nil, []string{fmt.Sprintf("the routers can't be asked whether they applied the flip: %s", err)}
		default:
			return routers, []string{fmt.Sprintf("routers %s have not applied the flip after %s; see their logs", strings.Join(behind, ", "), d.opt.Acknowledge)}
		}
	}
}

func (d *Deployer) awaitDrained(ctx context.Context, routers []catalog.RouterRecord, service string, old []catalog.Target, drain time.Duration) []string {
	deadline := d.opt.Now().Add(drain)
	pause := d.pacer()
	for {
		left, err := d.inFlight(ctx, routers, service, old)
		switch {
		case err == nil && left == 0:
			return nil
		case ctx.Err() != nil:
			return []string{"it was interrupted before the last requests at the old release had ended"}
		case d.opt.Now().Before(deadline):
			_ = pause(ctx) // an ended context is seen on the next turn
		case err != nil:
			return []string{fmt.Sprintf("it is not known whether requests are left at the old release: %s", err)}
		default:
			return []string{fmt.Sprintf("%d requests are still under way at the old release after %s; it keeps running", left, drain)}
		}
	}
}

// inFlight is how many requests all routers together have at some targets. It
// asks all of them even when one does not answer.
func (d *Deployer) inFlight(ctx context.Context, routers []catalog.RouterRecord, service string, targets []catalog.Target) (int, error) {
	total := 0
	var errs []error
	for _, router := range routers {
		for _, t := range targets {
			view, err := d.opt.Fleet.Target(ctx, router, service, t)
			if err != nil {
				errs = append(errs, err)
				break
			}
			total += view.InFlight
		}
	}
	return total, errors.Join(errs...)
}
