package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/timing"
	"teal/deployer/work"
)

// reading is what one look at Consul says of a release in its target.
type reading struct {
	passing []catalog.Instance
	others  []catalog.Instance // of the same release, but not passing
	ailing  []work.Placed      // linked containers whose HEALTHCHECK says that they are unhealthy
}

// read picks the instances of a release in a target. It is pure. Where mine is
// not empty it holds the containers' ids and names, and an instance that says
// it is another container is left out: one that was stopped a moment ago may
// still be registered.
func read(s *catalog.Service, t catalog.Target, release string, mine []catalog.Container) reading {
	var now reading
	for _, i := range s.Instances {
		switch {
		case i.Target != t || i.Release != release || !isOneOf(i, mine):
		case i.Routable():
			now.passing = append(now.passing, i)
		default:
			now.others = append(now.others, i)
		}
	}
	return now
}

func isOneOf(i catalog.Instance, mine []catalog.Container) bool {
	if i.Container == "" || len(mine) == 0 {
		return true
	}
	return slices.ContainsFunc(mine, func(c catalog.Container) bool {
		return c.Name == i.Container || c.ID == i.Container || strings.HasPrefix(c.ID, i.Container)
	})
}

// complete tells whether all of want instances pass, none is left behind, and what
// they are linked to is well.
func (n reading) complete(want int) bool {
	return len(n.passing) == want && len(n.others) == 0 && len(n.ailing) == 0
}

// words say how the release does.
func (n reading) words(want int, release string) string {
	text := fmt.Sprintf("%d of %d instances of release %s pass their checks", len(n.passing), want, release)
	for _, c := range n.ailing {
		text += fmt.Sprintf("; %s on %s is %s", c.Name, c.Place, c.Health)
	}
	return text
}

// unhealthy are the linked containers that run and say that they are not well; what
// is still starting may take as long as its HEALTHCHECK says. Those that take
// requests are told by their instances. It is pure.
func unhealthy(there []work.Placed) []work.Placed {
	all := slices.DeleteFunc(slices.Clone(there), func(c work.Placed) bool {
		return plan.IsRegistered(c.Container) || !c.Running || c.Health != plan.Sick
	})
	slices.SortFunc(all, func(a, b work.Placed) int {
		return slices.Compare([]string{a.Place, a.Name}, []string{b.Place, b.Name})
	})
	return all
}

// check waits until every new instance passes and no linked container is unhealthy,
// and this for the settle time without a break. A container that exits ends the
// wait.
func (r *run) check(ctx context.Context) error {
	return r.awaitPassing(ctx, r.spec.Settle, func() int { return r.platform.Instances(r.work()) })
}

// awaitBatch waits for the instances that were started until now.
func (r *run) awaitBatch(ctx context.Context, started int) error {
	r.later = r.platform.Instances(r.work()) - started
	defer func() { r.later = 0 }()
	return r.awaitPassing(ctx, 0, func() int { return r.platform.Instances(r.work()) - r.later })
}

// awaitPassing waits until as many instances pass as shall, for a time without a
// break. How many shall may change, as a host may be left out.
func (r *run) awaitPassing(ctx context.Context, settle time.Duration, shall func() int) error {
	started := r.opt.Now()
	var since time.Time // of the unbroken run of good readings
	told := -1
	for {
		now, err := r.look(ctx)
		if err != nil {
			return err
		}
		want := shall()
		if len(now.passing) != told {
			told = len(now.passing)
			r.step("%d of %d instances pass", told, want)
		}
		switch at := r.opt.Now(); {
		case !now.complete(want):
			since = time.Time{}
			if at.Sub(started) > r.spec.Timeout {
				return r.tooLate(now, want)
			}
		case since.IsZero():
			since = at
			fallthrough
		default:
			if at.Sub(since) >= settle {
				r.guards = now.passing
				return nil
			}
		}
		rest := r.opt.Poll
		if !since.IsZero() {
			rest = min(rest, settle-r.opt.Now().Sub(since))
		}
		if err := timing.Sleep(ctx, max(rest, 0)); err != nil {
			return err
		}
	}
}

func (r *run) tooLate(now reading, want int) error {
	err := fmt.Errorf("after %s, %s", r.spec.Timeout, now.words(want, r.record.Release))
	if r.trouble != nil {
		return fmt.Errorf("%w; %w", err, r.trouble)
	}
	return err
}

// look sees how the new containers and instances are. One who does not answer
// makes a reading of nothing: the wait goes on, and tells the trouble when it has
// taken too long.
func (r *run) look(ctx context.Context) (reading, error) {
	r.trouble = nil
	there, err := r.platform.Containers(ctx, r.work())
	if errors.Is(err, work.ErrBroken) {
		return reading{}, err
	}
	if err != nil {
		return r.blind(ctx, err)
	}
	service, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return r.blind(ctx, fmt.Errorf("read service %s: %w", r.record.Service, err))
	}
	r.service = service
	mine := make([]catalog.Container, len(there))
	for n := range there {
		mine[n] = there[n].Container
	}
	now := read(service, r.record.Target, r.record.Release, mine)
	if r.record.RolledBackTo == "" { // going back must not fail for what it never asked for
		now.ailing = unhealthy(there)
	}
	r.showChecks(now, there)
	return now, nil
}

// blind is a look that saw nothing.
func (r *run) blind(ctx context.Context, err error) (reading, error) {
	if ctx.Err() != nil {
		return reading{}, context.Cause(ctx)
	}
	r.trouble = err
	r.opt.Logger.Warn("can't see how the new release does; looking again", "service", r.record.Service, "error", err)
	return reading{}, nil
}
