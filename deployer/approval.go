package deployer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"teal/catalog"
	"teal/fleet"
)

// Awaiting is a deployment that is ready and stays so until somebody has spoken
// and it is resumed. Nobody's process need run meanwhile.
type Awaiting struct {
	Deployment, Service, Environment string
	Until                            time.Time
	Then                             catalog.Verdict
}

// Error says what to do.
func (a *Awaiting) Error() string {
	return fmt.Sprintf("deployment %s is ready and awaits approval until %s (then: %s); `teal approve %s %s`, then `teal resume` where its service file is",
		a.Deployment, a.Until.Local().Format(time.DateTime), a.Then, a.Service, a.Environment)
}

// awaitApproval goes on when somebody has said yes, and ends the deployment when
// somebody has said no. When it is not to wait it answers an *Awaiting.
func (r *run) awaitApproval(ctx context.Context) error {
	next := r.record
	if next.Approval == nil {
		next.Approval = &catalog.Approval{Until: r.opt.Now().Add(r.env.Approval.Within).UTC(), Then: r.env.Approval.Then}
		if err := r.keep(ctx, next); err != nil {
			return err
		}
		r.announceBeside(ctx, r.record)
	}
	pause := fleet.Pacer(r.glance())
	for {
		said, err := r.verdict(ctx)
		if err != nil {
			r.note("can't read whether somebody approved; asking again: %s", err)
		}
		switch {
		case said.Verdict == catalog.Abort:
			return abortedBy(said)
		case said.Verdict == catalog.Approve:
			return r.approved(ctx, said)
		case !r.request.WaitApproval && err == nil:
			return r.awaiting()
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func (r *run) awaiting() *Awaiting {
	return &Awaiting{
		Deployment: r.record.ID, Service: r.record.Service, Environment: r.env.Name,
		Until: r.record.Approval.Until, Then: r.record.Approval.Then,
	}
}

// verdict is what somebody has said, or what counts when the time is over; its
// verdict is empty while there is none.
func (r *run) verdict(ctx context.Context) (catalog.Decision, error) {
	said, ok, err := r.opt.Store.Decision(ctx, r.record.Service, r.env.Name, r.record.ID)
	if err != nil || ok {
		return said, err
	}
	if a := r.record.Approval; r.opt.Now().After(a.Until) {
		return catalog.Decision{
			Verdict: a.Then, By: "nobody", At: a.Until,
			Reason: fmt.Sprintf("nobody spoke until %s", a.Until.Local().Format(time.DateTime)),
		}, nil
	}
	return catalog.Decision{}, nil
}

// approved records who said yes and looks at the instances again, as much time
// may have gone by.
func (r *run) approved(ctx context.Context, said catalog.Decision) error {
	next := r.record
	word := *next.Approval
	word.By, word.At = said.By, said.At
	next.Approval = &word
	if err := r.keep(ctx, next); err != nil {
		return err
	}
	r.step("approved by %s", said.By)
	return r.stillPassing(ctx)
}

// Approve says yes to the deployment that awaits it. It answers that deployment.
func (d *Deployer) Approve(ctx context.Context, service, environment, reason string) (catalog.Deployment, error) {
	record, ok, err := d.underWay(ctx, service, environment)
	switch {
	case err != nil:
		return record, err
	case !ok:
		return record, fmt.Errorf("no deployment of %s to %s is under way; see `teal history %s %s`", service, environment, service, environment)
	case record.State != catalog.AwaitingApproval:
		return record, fmt.Errorf("deployment %s of %s to %s is %s and awaits nobody's word", record.ID, service, environment, record.State)
	case record.Approval != nil && d.opt.Now().After(record.Approval.Until):
		return record, fmt.Errorf("deployment %s could be approved until %s (then: %s); deploy again", record.ID, record.Approval.Until.Local().Format(time.DateTime), record.Approval.Then)
	}
	if d.opt.DryRun {
		return record, d.unaborted(ctx, record)
	}
	return record, d.decide(ctx, record, catalog.Approve, reason)
}

// Abort ends the deployment that is under way: before the flip all is put back,
// and in a canary or a bake the users are given back to the old release. Whoever
// runs it does that; where nobody does, it is done here. It answers the deployment
// as it was found, and whether it has ended already.
func (d *Deployer) Abort(ctx context.Context, service, environment, reason string) (record catalog.Deployment, ended bool, err error) {
	record, ok, err := d.underWay(ctx, service, environment)
	switch {
	case err != nil:
		return record, false, err
	case !ok:
		return record, false, fmt.Errorf("no deployment of %s to %s is under way; see `teal history %s %s`", service, environment, service, environment)
	}
	if d.opt.DryRun {
		ended, err = d.wouldAbort(ctx, record)
		return record, ended, err
	}
	if err := d.decide(ctx, record, catalog.Abort, reason); err != nil {
		return record, false, err
	}
	inner, lock, err := d.lock(ctx, service, environment, record.ID, 0)
	if errors.Is(err, catalog.ErrLocked) {
		return record, false, nil // its deployer lives and reads it
	}
	if err != nil {
		return record, false, err
	}
	defer lock.release()
	if record, ok, err = d.underWay(inner, service, environment); err != nil || !ok {
		return record, true, err
	}
	said := catalog.Decision{By: d.opt.By, Reason: reason}
	end := ending{state: catalog.Aborted, reason: abortedBy(said).Error(), note: "reverted by who aborted it"}
	_, err = d.settle(inner, record, lock.session, end)
	return record, true, err
}

// unaborted is that nobody has said no to a deployment, which is the last word.
func (d *Deployer) unaborted(ctx context.Context, record catalog.Deployment) error {
	said, ok, err := d.opt.Store.Decision(ctx, record.Service, record.Environment, record.ID)
	if err != nil {
		return fmt.Errorf("read what was said of deployment %s: %w", record.ID, err)
	}
	if ok && said.Verdict == catalog.Abort {
		return fmt.Errorf("deployment %s of %s to %s: %w", record.ID, record.Service, record.Environment, abortedBy(said))
	}
	return nil
}

// wouldAbort tells whether an abort would end a deployment itself, as nobody runs
// it.
func (d *Deployer) wouldAbort(ctx context.Context, record catalog.Deployment) (ended bool, err error) {
	lock, err := d.LockStatus(ctx, record.Service, record.Environment)
	if err != nil || lock.Alive {
		return false, err
	}
	gone, err := d.leftByHand(ctx, record)
	if err == nil && !gone && (record.State == catalog.Draining || record.State == catalog.Baking) {
		err = staysLive(record)
	}
	return true, err
}

func (d *Deployer) decide(ctx context.Context, record catalog.Deployment, verdict catalog.Verdict, reason string) error {
	said := catalog.Decision{Verdict: verdict, By: d.opt.By, At: d.opt.Now().UTC(), Reason: reason}
	return d.opt.Store.Decide(ctx, record.Service, record.Environment, record.ID, said)
}

// underWay is the newest deployment that has not ended.
func (d *Deployer) underWay(ctx context.Context, service, environment string) (catalog.Deployment, bool, error) {
	all, err := d.opt.Store.Deployments(ctx, service, environment)
	if err != nil {
		return catalog.Deployment{}, false, fmt.Errorf("read the deployments of %s to %s: %w", service, environment, err)
	}
	for n := len(all) - 1; n >= 0; n-- {
		if !all[n].State.Ended() {
			return all[n], true, nil
		}
	}
	return catalog.Deployment{}, false, nil
}
