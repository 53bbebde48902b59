package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"teal/catalog"
	"teal/deployer/timing"
)

// errUnknownOutcome is a flip of which nobody could tell whether it happened.
var errUnknownOutcome = errors.New("it is not known whether the flip went through")

// flip points the aliases at the new releases: all at once, or in the steps of a
// canary.
func (g *group) flip(ctx context.Context) error {
	for _, r := range g.runs {
		if err := r.enter(ctx, catalog.Flipping); err != nil {
			return err
		}
		if err := r.declare(ctx); err != nil {
			return err
		}
	}
	if err := g.canary(ctx); err != nil {
		return err
	}
	g.awaitRouters(ctx)
	return g.shift(ctx, func(r *run) move {
		return move{to: catalog.PointTo(r.record.Target), next: r.record.Enter(catalog.Draining, r.opt.Now(), ""), guards: asTheyAre(r.guards, r.service)}
	})
}

// awaitRouters waits until the routers know the instances that are flipped to.
func (g *group) awaitRouters(ctx context.Context) {
	for _, r := range g.runs {
		if pointsAt(r.alias, catalog.PointTo(r.record.Target)) {
			continue
		}
		for _, note := range r.awaitRouted(ctx, r.record.Service, r.guards) {
			r.note("%s", note)
		}
	}
}

// move is where an alias shall point, and the record that is written with it.
type move struct {
	to     catalog.AliasValue
	next   catalog.Deployment
	guards []catalog.Instance // that must pass when it moves
	stays  bool               // nothing of this run moves now
}

// shift moves the aliases of all runs in one transaction with the records that
// belong to them. An alias that points there already, as that of an environment
// without colours does, stays; its release is confirmed.
func (g *group) shift(ctx context.Context, to func(*run) move) error {
	moves := make([]move, len(g.runs))
	var flips []catalog.Flip
	for n, r := range g.runs {
		moves[n] = to(r)
		if moves[n].stays || pointsAt(r.alias, moves[n].to) {
			continue
		}
		if err := r.reread(ctx); err != nil {
			return err
		}
		moves[n] = to(r) // again, as who guards the flip is read anew
		if len(moves[n].guards) == 0 {
			return fmt.Errorf("no instance of %s passes its checks: %w", moves[n].to, catalog.ErrUnhealthy)
		}
		flips = append(flips, withCompanions(r.service, r.flipTo(moves[n]))...)
	}
	index, err := g.commit(ctx, flips)
	if err != nil {
		return err
	}
	var there []int // whose alias was where it shall be
	for n, r := range g.runs {
		switch {
		case moves[n].stays:
		case pointsAt(r.alias, moves[n].to):
			there = append(there, n)
		default:
			r.record, r.index = moves[n].next, index
			r.alias = catalog.Alias{Name: r.env.Name, Value: moves[n].to, Index: index}
			r.entered("")
		}
	}
	for _, n := range there { // when all know what was flipped
		if err := g.runs[n].confirm(ctx, moves[n].next); err != nil {
			return err
		}
	}
	return nil
}

// reread reads the service again, as the records that go with a flip are compared
// with what was read.
func (r *run) reread(ctx context.Context) error {
	service, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return fmt.Errorf("read service %s: %w", r.record.Service, err)
	}
	if now := service.Aliases[r.env.Name]; now.Index != r.alias.Index {
		return fmt.Errorf("%s points at %s by now: %w", r.env.Name, now.Value, catalog.ErrMoved)
	}
	r.service = service
	return nil
}

func (r *run) flipTo(m move) catalog.Flip {
	return catalog.Flip{
		Service: r.record.Service, Alias: r.env.Name, From: r.alias, To: m.to,
		By: r.opt.By, At: r.opt.Now(),
		LockSession: r.lock.session, Environment: r.env.Name,
		Guards: m.guards, Deployment: &m.next,
		Releases: r.service.ReleasesAfter(r.env.Name, r.alias.Value, m.to),
	}
}

// asTheyAre are instances with what is known of them now: a check that somebody has
// added since, as maintenance does, guards a flip too. One that is gone is answered as
// it was, for the flip to fail on. It is pure.
func asTheyAre(guards []catalog.Instance, now *catalog.Service) []catalog.Instance {
	fresh := slices.Clone(guards)
	for n, g := range guards {
		if at := slices.IndexFunc(now.Instances, func(i catalog.Instance) bool { return i.ID == g.ID && i.Node == g.Node }); at >= 0 {
			fresh[n] = now.Instances[at]
		}
	}
	return fresh
}

// commit makes the flips, and finds out what an error of them means. A refusal of the
// first try is certain; any other error may have hidden a success, and a refusal later
// on may come after it. Trying again is safe, as each flip is compared with the alias
// as it was read.
func (d *Deployer) commit(ctx context.Context, flips []catalog.Flip) (uint64, error) {
	if len(flips) == 0 {
		return 0, nil
	}
	again := false
	return insist(ctx, patientStore{d.opt.Store, d.opt.Insist, d.opt.Poll}, func() (uint64, error) {
		defer func() { again = true }()
		return d.commitOnce(ctx, flips, again)
	})
}

func (d *Deployer) commitOnce(ctx context.Context, flips []catalog.Flip, again bool) (uint64, error) {
	index, err := d.opt.Store.FlipTogether(ctx, flips)
	if err == nil {
		return index, nil
	}
	doing := fmt.Errorf("point %s: %w", movesNamed(flips), err)
	for _, refusal := range []error{catalog.ErrUnhealthy, catalog.ErrLockLost, catalog.ErrTooManyChecks} {
		if errors.Is(err, refusal) && !again {
			return 0, doing
		}
	}
	return d.askWhetherFlipped(ctx, flips[0], doing)
}

// askWhetherFlipped asks for the first of the flips: they went through together
// or not at all. An alias that has moved may have been moved by an earlier try
// whose commit came late.
func (d *Deployer) askWhetherFlipped(ctx context.Context, f catalog.Flip, cause error) (uint64, error) {
	ctx, done := timing.Bounded(ctx, 2*d.opt.Insist)
	defer done()
	service, err := d.opt.Store.Service(ctx, f.Service)
	if err != nil {
		return 0, fmt.Errorf("%w: %w; %s", errUnknownOutcome, cause, whenKnown(f))
	}
	switch now := service.Aliases[f.Alias]; {
	case madeBy(service, f):
		return now.Index, nil
	case now.Index != f.From.Index && !errors.Is(cause, catalog.ErrMoved):
		return 0, fmt.Errorf("%s of %s points at %s by now: %w (%w)", f.Alias, f.Service, orNone(now.Value.String()), catalog.ErrMoved, cause)
	}
	return 0, cause
}

// whenKnown is what a person does who is told of a flip without an answer. A rollback
// that is run again may lead forth instead of back.
func whenKnown(f catalog.Flip) string {
	if f.Deployment != nil {
		return "run it again once Consul answers, and it finishes or reverts"
	}
	return fmt.Sprintf("once Consul answers, `teal status %s` says what is live", f.Service)
}

// madeBy tells whether an alias points where a flip has put it. That of a deployment
// is told by its id, one by hand by who made it when.
func madeBy(s *catalog.Service, f catalog.Flip) bool {
	record, alias := s.Flips[f.Alias], s.Aliases[f.Alias]
	if alias.Index == f.From.Index || alias.Value.String() != f.To.String() {
		return false
	}
	if f.Deployment != nil {
		return record.Deployment == f.Deployment.ID
	}
	return record.Deployment == "" && record.By == f.By && record.At.Equal(f.At) && !s.FlippedByHand(f.Alias)
}

// pointsAt tells whether an alias has a key that holds a value already. Consul
// does not count writing the same again as a change, so no router would ever
// acknowledge it.
func pointsAt(a catalog.Alias, v catalog.AliasValue) bool {
	return a.Index != 0 && a.Value.String() == v.String()
}

// confirm ends the replacement in place of an uncoloured environment, whose
// alias need not move: the new release gets requests since it passes.
func (r *run) confirm(ctx context.Context, next catalog.Deployment) error {
	release := r.release(catalog.Ready)
	if err := r.opt.Store.PutRelease(ctx, r.record.Service, r.record.Target, release, r.lock.session); err != nil {
		return fmt.Errorf("record that %s is ready: %w", r.record.Target, err)
	}
	return r.write(ctx, next)
}
