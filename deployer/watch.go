package deployer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"teal/catalog"
	"teal/deployer/servicefile"
	"teal/fleet"
)

// errUnwell: the new release does not do what it must while it is watched.
var errUnwell = errors.New("the new release does not do well")

// watchAll watches the new releases of all runs for a time, each by the limits of
// its own canary. It is an error that wraps errUnwell when one of them does not do
// well.
func (g *group) watchAll(ctx context.Context, during time.Duration) error {
	return errors.Join(g.each(ctx, func(ctx context.Context, r *run) error { return r.watch(ctx, during, r.canaryLimits()) })...)
}

// watch looks at the checks and the traffic of the new release for a time. What
// can't be seen is not held against it.
func (r *run) watch(ctx context.Context, during time.Duration, l servicefile.Limits) error {
	began, pause := r.opt.Now(), fleet.Pacer(r.glance())
	w := &watch{run: r, limits: l}
	for {
		if err := w.look(ctx); err != nil {
			return err
		}
		if r.opt.Now().Sub(began) >= during {
			w.conclude()
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// watch is a look at one release over a time.
type watch struct {
	*run
	limits servicefile.Limits
	since  time.Time            // since when instances do not pass; zero while all do
	before *fleet.TrafficReport // at its beginning
	last   fleet.Traffic        // since then
	silent []string             // routers that are not counted
	blind  error                // why the traffic can't be told; nil when it can
}

func (w *watch) look(ctx context.Context) error {
	now, err := w.run.look(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx) // which says nothing of the release
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUnwell, err)
	}
	if w.trouble == nil {
		if alias := w.service.Aliases[w.env.Name]; alias.Index != w.alias.Index {
			return fmt.Errorf("somebody else pointed %s at %s: %w", w.env.Name, orNothing(alias.Value), catalog.ErrMoved)
		}
		if err := w.checks(now); err != nil {
			return err
		}
	}
	return w.traffic(ctx)
}

// checks is that fewer instances pass than shall, for longer than the settle time
// and while the old release has more: a host that is gone is missing to both, and
// going back would mend nothing.
func (w *watch) checks(now reading) error {
	now.ailing = nil // the old release is not compared by them
	if now.complete(w.platform.Instances(w.work())) {
		w.since, w.guards = time.Time{}, now.passing
		return nil
	}
	at := w.opt.Now()
	if w.since.IsZero() {
		w.since = at
	}
	if at.Sub(w.since) < w.spec.Settle || w.oldPassing() <= len(now.passing) {
		return nil
	}
	return fmt.Errorf("%w: %s", errUnwell, now.words(w.platform.Instances(w.work()), w.record.Release))
}

// oldPassing is how many instances the release from before has that pass.
func (w *watch) oldPassing() int {
	n := 0
	for _, t := range w.record.Previous.Live() {
		if t != w.record.Target {
			n += len(w.service.Passing(t))
		}
	}
	return n
}

// traffic is that the release has broken a limit since the watch began.
func (w *watch) traffic(ctx context.Context) error {
	if limitless(w.limits) || w.opt.Fleet == nil {
		return nil
	}
	report, err := w.observer(w.opt.Fleet).Traffic(ctx, w.record.Service, w.record.Target)
	if w.blind = err; err != nil {
		return nil
	}
	if w.before == nil {
		w.before = &report
	}
	w.last, w.silent = report.Sub(*w.before), report.After(*w.before).SilentIDs()
	if err := exceeded(w.limits, w.last); err != nil {
		return fmt.Errorf("%w: %w", errUnwell, err)
	}
	return nil
}

// conclude tells what the watch could not judge.
func (w *watch) conclude() {
	switch {
	case limitless(w.limits) || w.opt.Fleet == nil:
	case w.blind != nil:
		w.note("the routers can't be asked how the new release does: %s", w.blind)
	case w.last.Requests < uint64(w.limits.Requests):
		w.note("release %s answered %d requests while it was watched, too few of the %d that its limits count from", w.record.Release, w.last.Requests, w.limits.Requests)
	default:
		if len(w.silent) > 0 {
			w.note("routers %s do not tell what release %s answered through them", strings.Join(w.silent, ", "), w.record.Release)
		}
		w.step("release %s: %s", w.record.Release, describeTraffic(w.last))
	}
}

func describeTraffic(t fleet.Traffic) string {
	return fmt.Sprintf("%d requests, %.2g %% of them errors, 95 of 100 %s", t.Requests, 100*t.ErrorRate(), t.Within(0.95))
}

// limitless tells whether the traffic does not matter.
func limitless(l servicefile.Limits) bool { return l.ErrorRate == nil && l.P95 == 0 }

// exceeded is which limit the traffic breaks. It is pure.
func exceeded(l servicefile.Limits, t fleet.Traffic) error {
	switch {
	case t.Requests == 0 || t.Requests < uint64(l.Requests):
		return nil
	case l.ErrorRate != nil && t.ErrorRate() > *l.ErrorRate:
		return fmt.Errorf("%.3g %% of %d requests were errors, and %.3g %% may be", 100*t.ErrorRate(), t.Requests, 100**l.ErrorRate)
	case l.P95 > 0 && t.Quantile(0.95) > l.P95:
		return fmt.Errorf("95 of 100 requests were answered %s, and %s are allowed", t.Within(0.95), l.P95)
	}
	return nil
}
