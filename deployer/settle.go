package deployer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/servicefile"
)

// settleLeftovers ends the deployments that were never ended. We hold the lock,
// so whoever ran them is gone.
func (r *run) settleLeftovers(ctx context.Context, session string) error {
	all, err := r.opt.Store.Deployments(ctx, r.spec.Service, r.env.Name)
	if err != nil {
		return err
	}
	for _, record := range all {
		if record.State.Ended() {
			continue
		}
		died := fmt.Sprintf("its deployer died while %s", record.State)
		end := ending{state: catalog.Failed, reason: died, note: "reverted by the next run"}
		if record.State == catalog.AwaitingApproval {
			end.state, end.reason = catalog.Superseded, r.gaveWay(ctx, record)
		}
		end.undo = r.undoDead
		settled, err := r.settle(ctx, record, session, end)
		if err != nil {
			return fmt.Errorf("settle deployment %s: %w", record.ID, err)
		}
		r.announceBeside(ctx, settled)
	}
	return nil
}

// ending is how a deployment ends that is reverted by somebody else.
type ending struct {
	state        catalog.DeploymentState
	reason, note string
	// undo takes back the deployment's tasks and answers its record then; nil where
	// nobody knows how.
	undo func(ctx context.Context, p platform, record catalog.Deployment) catalog.Deployment
}

// undoDead takes back the tasks of a dead deployment as the file has them now. What
// can't be taken back is noted.
func (r *run) undoDead(ctx context.Context, p platform, record catalog.Deployment) catalog.Deployment {
	dead := &run{Deployer: r.Deployer, spec: r.spec, env: r.env, request: r.request, platform: p, record: record, lock: r.lock}
	dead.plan = plan.Of(r.spec, r.env, plan.Placement{
		Target: record.Target, Release: record.Release, Revision: record.Revision, Deployment: record.ID, Images: record.Images,
	})
	if err := dead.undoUnlessLive(ctx); err != nil {
		dead.note("deployment %s: %s", record.ID, err)
	}
	return dead.record
}

// settle finishes a deployment that is live, and reverts one that is not.
func (d *Deployer) settle(ctx context.Context, record catalog.Deployment, session string, end ending) (catalog.Deployment, error) {
	p, unreachable := d.hosts().Recorded(ctx, record.Hosts)
	next, left, err := d.settled(ctx, p, record, session, end, unreachable)
	if err != nil {
		return record, err
	}
	text := fmt.Sprintf("deployment %s: %s; it is now %s", record.ID, end.reason, next.State)
	if left != nil {
		text += fmt.Sprintf(", as far as its hosts could be reached: %s", left)
	}
	d.tell(Event{Kind: Note, State: catalog.Pending, Service: record.Service, Text: text})
	d.opt.Logger.Warn("settled a deployment whose deployer is gone", "deployment", record.ID, "was", record.State, "is", next.State, "error", left)
	return next, d.opt.Store.PutDeployment(ctx, next, session)
}

// settled decides by the state that the deployment was left in. The state after
// the flip is written in the flip's own transaction, so one that is before it is
// not live, but for the part of its users that a canary gave it.
func (d *Deployer) settled(ctx context.Context, p platform, record catalog.Deployment, session string, end ending, unreachable error) (next catalog.Deployment, left, err error) {
	now := d.opt.Now()
	gone, err := d.leftByHand(ctx, record)
	if err != nil {
		return next, nil, err
	}
	switch live := record.State == catalog.Draining || record.State == catalog.Baking; {
	case live && gone:
		end.state, end.reason = catalog.RolledBack, end.reason+", and somebody has pointed the alias elsewhere since"
	case live && end.state != catalog.Aborted:
		left = errors.Join(unreachable, p.Finish(ctx, record))
		return record.Enter(catalog.Succeeded, now, end.reason+"; finished by the next run"), left, nil
	case live && staysLive(record) != nil:
		return next, nil, staysLive(record)
	case live, record.State == catalog.Flipping, record.State == catalog.RollingBack:
		moved := false
		if record, moved, err = d.giveBack(ctx, record, session); err != nil {
			return next, nil, err
		}
		if moved || live || record.State == catalog.RollingBack {
			end.state = catalog.RolledBack
		}
		if still, err := d.stillLive(ctx, record); err != nil {
			return next, nil, err
		} else if still {
			return next, nil, fmt.Errorf("somebody has pointed %s of %s by hand, and release %s still gets requests; point it elsewhere first, and try again", record.Environment, record.Service, record.Release)
		}
	}
	switch {
	case !staged(record.State) || len(record.Tasks) == 0:
	case end.undo != nil:
		record = end.undo(ctx, p, record)
	default:
		d.tell(Event{Kind: Note, State: catalog.Pending, Service: record.Service, Text: fmt.Sprintf("what the tasks of deployment %s did stays, as only its service file says how to undo it", record.ID)})
	}
	left = d.revert(ctx, p, record, session, unreachable)
	if errors.Is(left, errUnmarked) {
		return next, nil, left
	}
	next = record.Enter(end.state, now, end.note)
	next.Reason = end.reason
	return next, left, nil
}

// leftByHand tells whether users were taken off the release of a deployment that
// was flipped to.
func (d *Deployer) leftByHand(ctx context.Context, record catalog.Deployment) (bool, error) {
	if record.State != catalog.Draining && record.State != catalog.Baking || record.Target.Colour == "" {
		return false, nil
	}
	still, err := d.stillLive(ctx, record)
	return !still, err
}

// stillLive tells whether the environment's alias sends requests to the release.
func (d *Deployer) stillLive(ctx context.Context, record catalog.Deployment) (bool, error) {
	s, err := d.opt.Store.Service(ctx, record.Service)
	if err != nil {
		return false, fmt.Errorf("read service %s: %w", record.Service, err)
	}
	return record.Target.Colour != "" && s.Aliases[record.Environment].Value.Sends(record.Target), nil
}

// giveBack points an alias back that a canary, or an unfinished way back, left at
// the release of a dead deployment. It answers the record, which has gone on where the
// alias was moved.
func (d *Deployer) giveBack(ctx context.Context, record catalog.Deployment, session string) (after catalog.Deployment, moved bool, err error) {
	s, err := d.opt.Store.Service(ctx, record.Service)
	if err != nil {
		return record, false, fmt.Errorf("read service %s: %w", record.Service, err)
	}
	alias := s.Aliases[record.Environment]
	if s.Flips[record.Environment].Deployment != record.ID || !alias.Value.Sends(record.Target) ||
		record.Target.Colour == "" || record.Previous.IsZero() || s.FlippedByHand(record.Environment) {
		return record, false, nil
	}
	guards := passingOf(s, record.Previous)
	if len(guards) == 0 {
		return record, false, fmt.Errorf("%s of %s is left at %s, as no instance of %s passes its checks; point it by hand to where it is well: %w",
			alias.Name, record.Service, alias.Value, record.Previous, catalog.ErrUnhealthy)
	}
	back := record.Enter(catalog.RollingBack, d.opt.Now(), "by the next run")
	index, err := d.opt.Store.FlipTogether(ctx, withCompanions(s, catalog.Flip{
		Service: record.Service, Alias: alias.Name, From: alias, To: record.Previous, By: d.opt.By, At: d.opt.Now(),
		LockSession: session, Environment: record.Environment, Guards: guards, Deployment: &back,
		Releases: s.ReleasesAfter(alias.Name, alias.Value, record.Previous),
	}))
	if err != nil {
		return record, false, fmt.Errorf("point %s of %s back at %s: %w", alias.Name, record.Service, record.Previous, err)
	}
	for _, note := range d.awaitFleet(ctx, record.Service, index, []catalog.Target{record.Target}, servicefile.DefaultDrain) {
		d.tell(Event{Kind: Note, State: catalog.Pending, Service: record.Service, Text: note})
	}
	return back, true, nil
}

// staysLive is why a deployment that is live can't be taken back by an abort, or
// nil. It is pure.
func staysLive(record catalog.Deployment) error {
	switch names := irreversible(record); {
	case len(names) > 0:
		return fmt.Errorf("what %s did can't be taken back, so deployment %s stays live; to go back all the same, use `teal rollback %s --environment %s --force`",
			strings.Join(names, " and "), record.ID, record.Service, record.Environment)
	case record.Previous.IsZero():
		return fmt.Errorf("deployment %s is live, and there is no release to go back to", record.ID)
	}
	return nil
}
