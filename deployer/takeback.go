package deployer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"teal/catalog"
	"teal/deployer/timing"
)

// takeBack gives the users of the new releases back to the old ones, in one
// transaction, and then removes what the deployments brought. It does so even
// when ctx is over.
func (g *group) takeBack(ctx context.Context, cause error) error {
	cause = whyEnded(ctx, cause)
	if errors.Is(cause, catalog.ErrLockLost) {
		return errors.Join(g.perRun(func(r *run) error { return r.afterFlip(cause) })...)
	}
	ctx, done := timing.Bounded(ctx, takeBackTimeout)
	defer done()
	for _, r := range g.runs {
		if err := r.mayGoBack(ctx); err != nil {
			return errors.Join(g.perRun(func(r *run) error { return r.stuck(ctx, cause, err) })...)
		}
	}
	if err := g.flipBack(ctx, cause); err != nil {
		return errors.Join(g.perRun(func(r *run) error { return r.stuck(ctx, cause, err) })...)
	}
	return errors.Join(g.perRun(func(r *run) error { return r.takenBack(ctx, cause) })...)
}

// perRun does something for all runs at once and lets each come to its end.
func (g *group) perRun(do func(*run) error) []error {
	errs := make([]error, len(g.runs))
	var wait sync.WaitGroup
	for n, r := range g.runs {
		wait.Go(func() { errs[n] = do(r) })
	}
	wait.Wait()
	return errs
}

// mayGoBack is why the deployment must not go back by itself. While only a part of
// the requests went to the new release, the old one serves with whatever the tasks
// did already.
func (r *run) mayGoBack(ctx context.Context) error {
	if !r.alias.Value.Sends(r.record.Target) {
		return nil // nobody was sent there
	}
	if r.record.Previous.IsZero() {
		return errors.New("there is no release to go back to")
	}
	if service, err := r.opt.Store.Service(ctx, r.record.Service); err == nil {
		switch alias := service.Aliases[r.env.Name]; {
		case alias.Index == r.alias.Index:
		case alias.Value.String() == r.record.Previous.String():
			return nil // somebody has gone back already
		default:
			return fmt.Errorf("%s points at %s by now: %w", r.env.Name, orNothing(alias.Value), catalog.ErrMoved)
		}
	}
	if !pointsAt(r.alias, catalog.PointTo(r.record.Target)) {
		return nil
	}
	if names := irreversible(r.record); len(names) > 0 {
		return fmt.Errorf("what %s did can't be taken back, so nobody knows whether the old release can live with it; to go back all the same, use `teal rollback %s --environment %s --force`",
			strings.Join(names, " and "), r.record.Service, r.env.Name)
	}
	return nil
}

// flipBack records that the way leads back, and points the aliases where they
// pointed before.
func (g *group) flipBack(ctx context.Context, cause error) error {
	for _, r := range g.runs {
		next := r.record.Enter(catalog.RollingBack, r.opt.Now(), firstLineOf(cause))
		if err := r.write(ctx, next); err != nil {
			return err
		}
	}
	return patientStore{g.opt.Store, g.opt.Insist, g.opt.Poll}.insist(ctx, func() error {
		for _, r := range g.runs {
			if err := r.catchUp(ctx); err != nil {
				return err
			}
			r.followBack(ctx)
		}
		return g.shift(ctx, wayBack)
	})
}

// catchUp sees where the alias points by now: somebody may have rolled back by
// hand already. It fails when there is nobody well to go back to.
func (r *run) catchUp(ctx context.Context) error {
	service, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return fmt.Errorf("read service %s: %w", r.record.Service, err)
	}
	r.service = service
	if alias := service.Aliases[r.env.Name]; !alias.Value.Sends(r.record.Target) {
		r.alias = alias
	}
	if !wayBack(r).stays && len(r.oldGuards()) == 0 {
		return fmt.Errorf("no instance of %s passes its checks: %w", r.record.Previous, catalog.ErrUnhealthy)
	}
	return nil
}

// wayBack is where a run's alias has to go; it stays where it does not lead to
// the new release.
func wayBack(r *run) move {
	if !r.alias.Value.Sends(r.record.Target) || r.alias.Value.String() == r.record.Previous.String() {
		return move{stays: true}
	}
	return move{to: r.record.Previous, next: r.record, guards: r.oldGuards()}
}

// oldGuards are the instances of the old release that pass now.
func (r *run) oldGuards() []catalog.Instance { return passingOf(r.service, r.record.Previous) }

// passingOf are the instances that get requests through a value and pass.
func passingOf(s *catalog.Service, v catalog.AliasValue) []catalog.Instance {
	var passing []catalog.Instance
	for _, t := range v.Live() {
		passing = append(passing, s.Passing(t)...)
	}
	return passing
}

// takenBack removes what the deployment brought once no request is left there. What
// it declared goes at once, as its users are those of the old release by now.
func (r *run) takenBack(ctx context.Context, cause error) error {
	if err := r.undeclare(ctx, r.record); err != nil {
		r.note("%s; it is tried again", err)
	}
	for _, note := range r.awaitFleet(ctx, r.record.Service, r.index, []catalog.Target{r.record.Target}, r.spec.Drain) {
		r.note("%s", note)
	}
	f := &Failure{
		Stage: catalog.RollingBack, Outcome: catalog.RolledBack, Service: r.record.Service, Deployment: r.record.ID, Err: cause,
		Reason: fmt.Sprintf("release %s was taken back, and %s points at %s again: %s", r.record.Release, r.env.Name, r.record.Previous, cause),
	}
	r.evidence(ctx, f)
	if f.Leftover = r.putBack(ctx); !errors.Is(f.Leftover, errUnmarked) {
		r.close(ctx, f)
	}
	return f
}

// stuck is a deployment that should have gone back and did not.
func (r *run) stuck(ctx context.Context, cause, why error) error {
	f := &Failure{
		Stage: r.record.State, Outcome: catalog.RollbackFailed, Service: r.record.Service, Deployment: r.record.ID, Err: errors.Join(cause, why),
		Reason: fmt.Sprintf("release %s does not do well (%s), and %s was not pointed back at %s: %s", r.record.Release, cause, r.env.Name, orNothing(r.record.Previous), why),
	}
	r.evidence(ctx, f)
	switch {
	case errors.Is(cause, catalog.ErrMoved):
		f.Outcome = catalog.Superseded
		f.Reason = fmt.Sprintf("somebody else moved %s while the deployment ran, so it gave way and left all as it is: %s", r.env.Name, cause)
	case errors.Is(why, catalog.ErrMoved):
		f.Reason = fmt.Sprintf("somebody else moved %s while release %s was being taken back (%s); see `teal status %s`", r.env.Name, r.record.Release, cause, r.record.Service)
	}
	r.close(ctx, f)
	return f
}

func orNothing(v catalog.AliasValue) string {
	if v.IsZero() {
		return "anything"
	}
	return v.String()
}

func firstLineOf(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
