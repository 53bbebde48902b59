package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"teal/catalog"
	"teal/fleet"
)

// Wish is where an alias of a service shall point.
type Wish struct {
	Service string
	Alias   string
	To      catalog.AliasValue
}

// Flip points an alias at a target or a split, if everything that would get
// requests is fit for them. It takes no lock.
func (d *Deployer) Flip(ctx context.Context, service, alias string, to catalog.AliasValue) (Flipped, error) {
	done, err := d.FlipTogether(ctx, []Wish{{service, alias, to}})
	if err != nil {
		return Flipped{}, err
	}
	return done[0], nil
}

// FlipTogether points aliases of several services elsewhere in one transaction:
// all of them move or none does. Else it is as Flip. It answers in the order of
// the wishes.
func (d *Deployer) FlipTogether(ctx context.Context, wishes []Wish) ([]Flipped, error) {
	d = d.byHand()
	moves := make([]handMove, len(wishes))
	for n, wish := range wishes {
		if slices.ContainsFunc(wishes[:n], func(other Wish) bool { return other.Service == wish.Service && other.Alias == wish.Alias }) {
			return nil, fmt.Errorf("alias %s of %s is named twice; say once where it shall point", wish.Alias, wish.Service)
		}
		if err := catalog.CheckName("alias", wish.Alias); err != nil {
			return nil, err
		}
		s, err := d.opt.Store.Service(ctx, wish.Service)
		if err != nil {
			return nil, fmt.Errorf("read service %s: %w", wish.Service, err)
		}
		from, ok := s.Resolve(wish.Alias)
		if !ok {
			from = catalog.Alias{Name: wish.Alias}
		}
		moves[n] = handMove{service: s, from: from, to: wish.To}
	}
	return d.moveAll(ctx, moves)
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

// handMove is an alias as it was read, and where it shall point.
type handMove struct {
	service *catalog.Service
	from    catalog.Alias
	to      catalog.AliasValue
	// whole tells that the aliases which belong to this one move with it.
	whole bool
}

// flipTo flips an environment's alias as it was read, with those that belong to it,
// and waits for the routers.
func (d *Deployer) flipTo(ctx context.Context, s *catalog.Service, from catalog.Alias, to catalog.AliasValue) (Flipped, error) {
	done, err := d.moveAll(ctx, []handMove{{service: s, from: from, to: to, whole: true}})
	if err != nil {
		return Flipped{}, err
	}
	return done[0], nil
}

// moveAll flips all that do not point there already, and waits for the routers.
func (d *Deployer) moveAll(ctx context.Context, moves []handMove) ([]Flipped, error) {
	began := d.opt.Now()
	notes := make([][]string, len(moves))
	var flips []catalog.Flip
	for n, m := range moves {
		if err := unfit(m.service, m.to); err != nil {
			return nil, fmt.Errorf("point %s of %s at %s: %w", m.from.Name, m.service.Name, m.to, err)
		}
		if !pointsAt(m.from, m.to) {
			f := m.flip(d.opt.By, began)
			notes[n] = d.awaitRouted(ctx, m.service.Name, f.Guards)
			flips = append(flips, m.flips(f)...)
		}
	}
	if d.opt.DryRun {
		return toldOf(moves, notes), nil
	}
	var index uint64
	if len(flips) > 0 {
		var err error
		if index, err = d.commit(ctx, flips); err != nil {
			return nil, err
		}
	}
	done := make([]Flipped, len(moves))
	for n, m := range moves {
		done[n] = d.moved(ctx, m, index, began, notes[n])
	}
	return done, nil
}

func (m handMove) flip(by string, at time.Time) catalog.Flip {
	return catalog.Flip{
		Service: m.service.Name, Alias: m.from.Name, From: m.from, To: m.to, By: by, At: at,
		Guards: passingOf(m.service, m.to), Releases: m.service.ReleasesAfter(m.from.Name, m.from.Value, m.to),
	}
}

// flips are the flip of a move, and those that belong to it.
func (m handMove) flips(own catalog.Flip) []catalog.Flip {
	if !m.whole {
		return []catalog.Flip{own}
	}
	return withCompanions(m.service, own)
}

func movesNamed(flips []catalog.Flip) string {
	var all []string
	for _, f := range flips {
		all = append(all, fmt.Sprintf("%s of %s at %s", f.Alias, f.Service, f.To))
	}
	return strings.Join(all, " and ")
}

// moved waits until the routers have a flip, and tells it.
func (d *Deployer) moved(ctx context.Context, m handMove, index uint64, began time.Time, notes []string) Flipped {
	f := m.told()
	f.Notes = append(f.Notes, notes...)
	if pointsAt(m.from, m.to) {
		return f
	}
	f.Index = index
	d.opt.Logger.Info("flipped", "service", f.Service, "alias", f.Alias, "from", f.From, "to", f.To, "index", index)
	routers, behind := d.awaitApplied(ctx, fleet.Flip{Service: f.Service, Index: index})
	f.Routers, f.Notes, f.Took = routers, append(f.Notes, behind...), d.opt.Now().Sub(began)
	return f
}

// told is what there is to tell of a move before it is made.
func (m handMove) told() Flipped {
	f := Flipped{Service: m.service.Name, Alias: m.from.Name, From: m.from.Value, To: m.to}
	if pointsAt(m.from, m.to) {
		f.Index = m.from.Index
		f.Notes = []string{fmt.Sprintf("%s points at %s already", m.from.Name, m.to)}
		return f
	}
	if t, ok := m.to.Single(); ok {
		f.Release = m.service.Releases[t].ID
	}
	if m.whole {
		for _, also := range companions(m.service, m.from) {
			f.Notes = append(f.Notes, fmt.Sprintf("%s moves with it", also.Name))
		}
	}
	return f
}

// toldOf tells of moves that are not made.
func toldOf(moves []handMove, notes [][]string) []Flipped {
	told := make([]Flipped, len(moves))
	for n, m := range moves {
		told[n] = m.told()
		told[n].DryRun, told[n].Notes = true, append(told[n].Notes, notes[n]...)
	}
	return told
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
