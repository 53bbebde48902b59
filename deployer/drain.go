package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"teal/catalog"
	"teal/deployer/timing"
	"teal/fleet"
)

// conclude waits for the fleet, bakes, removes what was put aside and records the
// success. The flip is through, so nothing here undoes it but a bake that goes
// wrong, or somebody who aborts: what can't be waited for is noted, and what can't
// be recorded is left for the next run to finish.
func (g *group) conclude(ctx context.Context) error {
	notes := make([][]string, len(g.runs))
	_ = g.each(ctx, func(ctx context.Context, r *run) error {
		n := 0
		for g.runs[n] != r {
			n++
		}
		notes[n] = r.drain(ctx)
		return nil
	})
	brokenOff, err := g.bake(ctx)
	if err != nil {
		return g.takeBack(ctx, err)
	}
	errs := make([]error, len(g.runs))
	if err := g.stillThere(ctx); err != nil {
		return g.takeBack(ctx, err)
	}
	for n, r := range g.runs {
		errs[n] = r.succeed(ctx, append(notes[n], brokenOff...))
	}
	return errors.Join(errs...)
}

// stillThere is that somebody has taken an alias off a new release meanwhile, by
// hand: that is no success.
func (g *group) stillThere(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), catalog.ErrLockLost) {
		return nil
	}
	ctx, done := timing.Bounded(ctx, 2*g.opt.Insist)
	defer done()
	for _, r := range g.runs {
		service, err := r.opt.Store.Service(ctx, r.record.Service)
		if err != nil {
			continue // it was flipped; nobody has said otherwise
		}
		if alias, ok := service.Resolve(r.env.Name); ok && !alias.Value.Sends(r.record.Target) {
			return fmt.Errorf("somebody else pointed %s at %s: %w", r.env.Name, alias.Value, catalog.ErrMoved)
		}
	}
	return nil
}

// drain waits until the routers have the flip and the old release has no request
// left. It answers what it waited for in vain.
func (r *run) drain(ctx context.Context) []string {
	var old []catalog.Target
	for _, t := range r.record.Previous.Live() {
		if t != r.record.Target {
			old = append(old, t)
		}
	}
	return r.awaitFleet(ctx, r.record.Service, r.index, old, r.spec.Drain)
}

// bake watches the new releases for the longest time that one of them asks for.
// Its error is why they are to be taken back. It answers why the watch ended early,
// if it did.
func (g *group) bake(ctx context.Context) ([]string, error) {
	errs := g.each(ctx, func(ctx context.Context, r *run) error {
		if r.spec.Bake == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := r.enter(ctx, catalog.Baking); err != nil {
			r.note("the watch over the new release can't be recorded and is left out: %s", err)
			return nil
		}
		return r.watch(ctx, r.spec.Bake.For, r.spec.Bake.Limits)
	})
	err := errors.Join(errs...)
	switch {
	case err == nil && errors.Is(context.Cause(ctx), errAborted):
		return nil, context.Cause(ctx)
	case err == nil, errors.Is(err, errUnwell), errors.Is(err, catalog.ErrMoved), errors.Is(err, errAborted):
		return nil, err
	}
	return []string{fmt.Sprintf("the watch over the new release was broken off: %s", firstLineOf(err))}, nil
}

// succeed removes what was put aside and records the success.
func (r *run) succeed(ctx context.Context, waited []string) error {
	notes := slices.Clone(waited)
	if lost := lockLost(ctx, nil); lost != nil {
		return r.afterFlip(lost)
	}
	cleaning, done := timing.Bounded(ctx, timing.Cleanup+r.graces())
	defer done()
	defer context.AfterFunc(ctx, func() {
		if lockLost(ctx, nil) != nil {
			done()
		}
	})()
	unkept := r.keep(cleaning, r.record)
	if lost := lockLost(ctx, unkept); lost != nil {
		return r.afterFlip(lost) // what is there is somebody else's to deal with
	}
	if unkept != nil {
		notes = append(notes, unkept.Error())
	}
	if err := r.platform.Finish(cleaning, r.record); err != nil {
		notes = append(notes, fmt.Sprintf("some replaced containers could not be removed; the next deployment does: %s", err))
	}
	if lost := lockLost(ctx, nil); lost != nil {
		return r.afterFlip(lost) // the next one may be staging where the standby was
	}
	if len(waited) > 0 && r.env.StopStandby {
		notes = append(notes, "the standby runs on, as it is not certain that nobody is served by it")
	} else if err := r.restOld(cleaning); err != nil {
		notes = append(notes, fmt.Sprintf("the standby could not be stopped and runs on: %s", err))
	}
	for _, n := range notes {
		r.note("%s", n)
	}
	ctx, recorded := timing.Bounded(ctx, timing.Cleanup)
	defer recorded()
	next := r.record.Enter(catalog.Succeeded, r.opt.Now(), strings.Join(notes, "; "))
	if err := r.write(ctx, next); err != nil {
		return r.afterFlip(fmt.Errorf("record that the deployment succeeded: %w", err))
	}
	r.announce(ctx)
	return nil
}

// lockLost is why the lock is no longer held, as far as a write or its own end has
// told, or nil. Who was interrupted does not hear of its end: then any write that
// failed counts.
func lockLost(ctx context.Context, wrote error) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, catalog.ErrLockLost):
		return cause
	case errors.Is(wrote, catalog.ErrLockLost), wrote != nil && cause != nil:
		return wrote
	}
	return nil
}

// restOld stops the standby where the environment wants it so.
func (r *run) restOld(ctx context.Context) error {
	if !r.env.StopStandby {
		return nil
	}
	var errs []error
	for _, t := range r.record.Previous.Live() {
		if t != r.record.Target && t.Colour != "" {
			errs = append(errs, r.restOne(ctx, t))
		}
	}
	return errors.Join(errs...)
}

// restOne stops a standby, unless somebody has gone back to it. A rollback takes
// no lock, so it may come while the standby stops; then it is started again, even when
// the lock is lost meanwhile: to start what is live harms nobody.
func (r *run) restOne(ctx context.Context, t catalog.Target) error {
	if wanted, err := r.sendsTo(ctx, t); wanted || err != nil {
		return err
	}
	rested := r.platform.Rest(ctx, r.record.Service, t)
	ctx, done := timing.Bounded(ctx, timing.Cleanup)
	defer done()
	wanted, err := r.sendsTo(ctx, t)
	if !wanted {
		return errors.Join(rested, err)
	}
	_, _, err = r.platform.Revive(ctx, r.record.Service, t, r.service.Releases[t])
	return err
}

// sendsTo tells whether some alias sends requests to a target now.
func (r *run) sendsTo(ctx context.Context, t catalog.Target) (bool, error) {
	service, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return false, fmt.Errorf("read service %s: %w", r.record.Service, err)
	}
	r.service = service
	for _, a := range service.Aliases {
		if a.Value.Sends(t) {
			return true, nil
		}
	}
	return false, nil
}

// afterFlip is a failure that left the new release live, or with a part of the
// requests.
func (r *run) afterFlip(err error) error {
	reason := fmt.Sprintf("release %s is live, but the deployment could not be finished; the next one does", r.record.Release)
	if !pointsAt(r.alias, catalog.PointTo(r.record.Target)) {
		reason = fmt.Sprintf("%s points at %s, and the deployment could not go on; the next one points it back at %s first", r.env.Name, r.alias.Value, orNothing(r.record.Previous))
	}
	return &Failure{
		Stage: r.record.State, Outcome: catalog.Failed, Service: r.record.Service, Deployment: r.record.ID, Err: err,
		Reason: reason + ": " + err.Error(),
	}
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
