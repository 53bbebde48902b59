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

// Flip points an alias at a target or a split, if everything that would get
// requests is fit for them. It takes no lock.
func (d *Deployer) Flip(ctx context.Context, service, alias string, to catalog.AliasValue) (Flipped, error) {
	if err := catalog.CheckName("alias", alias); err != nil {
		return Flipped{}, err
	}
	s, err := d.opt.Store.Service(ctx, service)
	if err != nil {
		return Flipped{}, fmt.Errorf("read service %s: %w", service, err)
	}
	from, ok := s.Resolve(alias)
	if !ok {
		from = catalog.Alias{Name: alias}
	}
	return d.flipTo(ctx, s, from, to)
}

// unfit says why a value can't be flipped to, or nil. It is pure.
func unfit(s *catalog.Service, to catalog.AliasValue) error {
	if len(to.Live()) == 0 {
		return fmt.Errorf("it names no target; write one such as green-production")
	}
	var errs []error
	for _, t := range to.Live() {
		unfinished := s.Unfinished(t)
		switch {
		case unfinished != nil:
			errs = append(errs, unfinished)
		case !hasInstances(s, t):
			errs = append(errs, noInstances(s, t))
		case !hasPassing(s, t):
			errs = append(errs, &Failure{
				Stage: catalog.Flipping, Outcome: catalog.Failed, BeforeFlip: true,
				Reason: fmt.Sprintf("no instance of %s passes its checks", t),
				Checks: failedChecks(instancesOf(s, t)), Err: catalog.ErrUnhealthy,
			})
		}
	}
	return errors.Join(errs...)
}

// noInstances says which targets there would be.
func noInstances(s *catalog.Service, t catalog.Target) error {
	var names []string
	for _, other := range targetsOf(s) {
		if hasInstances(s, other) {
			names = append(names, other.String())
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("%s has no instances, and no target of %s has: %w", t, s.Name, catalog.ErrUnhealthy)
	}
	return fmt.Errorf("%s has no instances; the targets of %s that have are %s: %w", t, s.Name, strings.Join(names, ", "), catalog.ErrUnhealthy)
}

// flipTo flips an alias as it was read, and waits for the routers.
func (d *Deployer) flipTo(ctx context.Context, s *catalog.Service, from catalog.Alias, to catalog.AliasValue) (Flipped, error) {
	if err := unfit(s, to); err != nil {
		return Flipped{}, fmt.Errorf("point %s of %s at %s: %w", from.Name, s.Name, to, err)
	}
	if pointsAt(from, to) {
		return Flipped{
			Service: s.Name, Alias: from.Name, From: from.Value, To: to, Index: from.Index,
			Notes: []string{fmt.Sprintf("%s points at %s already", from.Name, to)},
		}, nil
	}
	var guards []catalog.Instance
	for _, t := range to.Live() {
		guards = append(guards, s.Passing(t)...)
	}
	began := d.opt.Now()
	unready := d.awaitRouted(ctx, s.Name, guards)
	index, err := d.opt.Store.Flip(ctx, catalog.Flip{
		Service: s.Name, Alias: from.Name, From: from, To: to, By: d.opt.By, At: d.opt.Now(),
		Guards: guards, Releases: s.ReleasesAfter(from.Name, from.Value, to),
	})
	if err != nil {
		return Flipped{}, fmt.Errorf("point %s of %s at %s: %w", from.Name, s.Name, to, err)
	}
	d.opt.Logger.Info("flipped", "service", s.Name, "alias", from.Name, "from", from.Value, "to", to, "index", index)
	routers, notes := d.awaitApplied(ctx, fleet.Flip{Service: s.Name, Index: index})
	done := Flipped{
		Service: s.Name, Alias: from.Name, From: from.Value, To: to, Index: index,
		Took: d.opt.Now().Sub(began), Routers: routers, Notes: append(unready, notes...),
	}
	if t, ok := to.Single(); ok {
		done.Release = s.Releases[t].ID
	}
	return done, nil
}

// Drain waits, after a flip, until no router has a request at the targets that
// lost the alias, at most for as long as is given. It answers what it waited for
// in vain, in sentences.
func (d *Deployer) Drain(ctx context.Context, f Flipped, within time.Duration) []string {
	old := fleet.Lost(f.From, f.To)
	if len(old) == 0 || f.Routers == 0 || d.opt.Fleet == nil {
		return nil
	}
	return d.awaitDrained(ctx, fleet.Flip{Service: f.Service, Index: f.Index, Old: old}, within)
}
