package deployer

import (
	"context"
	"errors"
	"fmt"

	"teal/catalog"
)

// errUnknownOutcome: Consul did not say whether the flip went through.
var errUnknownOutcome = errors.New("it is not known whether the flip went through")

// flip points the alias at the new release, in one transaction with the records
// that belong to it.
func (r *run) flip(ctx context.Context) error {
	if err := r.declare(ctx); err != nil {
		return err
	}
	to := catalog.PointTo(r.record.Target)
	if pointsAt(r.alias, to) {
		return r.confirm(ctx)
	}
	for _, note := range r.awaitRouted(ctx, r.record.Service, r.guards) {
		r.note("%s", note)
	}
	now := r.opt.Now()
	draining := r.record.Enter(catalog.Draining, now, "")
	index, err := r.opt.Store.Flip(ctx, catalog.Flip{
		Service: r.record.Service, Alias: r.env.Name, From: r.alias, To: to,
		By: r.opt.By, At: now,
		LockSession: r.lock.session, Environment: r.env.Name,
		Guards: r.guards, Deployment: &draining,
		Releases: r.service.ReleasesAfter(r.env.Name, r.alias.Value, to),
	})
	if err != nil {
		if index, err = r.askWhetherFlipped(ctx, err); err != nil {
			return err
		}
	}
	r.record, r.index = draining, index
	r.tell(Event{Kind: Entered, State: catalog.Draining, Text: r.heading(catalog.Draining)})
	r.opt.Logger.Info("flipped", "service", r.record.Service, "alias", r.env.Name, "to", to, "index", index)
	return nil
}

// pointsAt tells whether an alias has a key that holds a value already. Consul
// does not count writing the same again as a change, so no router would ever
// acknowledge it.
func pointsAt(a catalog.Alias, v catalog.AliasValue) bool {
	return a.Index != 0 && a.Value.String() == v.String()
}

// confirm ends the replacement in place of an uncoloured environment, whose
// alias need not move: the new release gets requests since it passes.
func (r *run) confirm(ctx context.Context) error {
	release := r.release(catalog.Ready)
	if err := r.opt.Store.PutRelease(ctx, r.record.Service, r.record.Target, release, r.lock.session); err != nil {
		return fmt.Errorf("record that %s is ready: %w", r.record.Target, err)
	}
	return r.enter(ctx, catalog.Draining)
}

// askWhetherFlipped finds out what an error of the flip means. A refusal is
// certain; any other error may have hidden a success.
func (r *run) askWhetherFlipped(ctx context.Context, cause error) (uint64, error) {
	flip := fmt.Errorf("flip %s of %s to %s: %w", r.env.Name, r.record.Service, r.record.Target, cause)
	for _, refusal := range []error{catalog.ErrMoved, catalog.ErrUnhealthy, catalog.ErrLockLost, catalog.ErrTooManyChecks} {
		if errors.Is(cause, refusal) {
			return 0, flip
		}
	}
	ctx, done := bounded(ctx, evidenceTimeout)
	defer done()
	service, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return 0, fmt.Errorf("%w: %w; run it again once Consul answers, and it finishes or reverts", errUnknownOutcome, flip)
	}
	r.service = service
	if flippedBy(service, r.env.Name, r.record) {
		return service.Aliases[r.env.Name].Index, nil
	}
	return 0, flip
}

// flippedBy tells whether an alias points where a deployment flipped it.
func flippedBy(s *catalog.Service, alias string, d catalog.Deployment) bool {
	return s.Aliases[alias].Value.Sends(d.Target) && s.Flips[alias].Deployment == d.ID
}
