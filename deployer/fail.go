package deployer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"teal/catalog"
	"teal/deployer/timing"
)

// fail gathers why a deployment failed, puts back what it changed, and records
// how it ended. The alias was not touched.
func (r *run) fail(ctx context.Context, cause error) error {
	cause = whyEnded(ctx, cause)
	f := &Failure{
		Stage: r.record.State, Outcome: outcomeOf(ctx, cause), Service: r.record.Service, Deployment: r.record.ID,
		BeforeFlip: true, Err: cause,
	}
	if errors.Is(cause, errUnknownOutcome) {
		f.BeforeFlip, f.Reason = false, cause.Error()
		return f
	}
	f.Reason = r.reason(f, cause)
	r.evidence(ctx, f)
	if errors.Is(cause, catalog.ErrLockLost) {
		f.Leftover = errors.New("the lock is somebody else's now, so nothing was cleaned up; the next deployment reverts it")
		return f
	}
	if f.Leftover = r.putBack(ctx); !errors.Is(f.Leftover, errUnmarked) {
		r.close(ctx, f)
	}
	return f
}

// whyEnded adds to an error why ctx is over, if it is.
func whyEnded(ctx context.Context, cause error) error {
	if stopped := context.Cause(ctx); stopped != nil && !errors.Is(cause, stopped) {
		return fmt.Errorf("%w (while: %w)", stopped, cause)
	}
	return cause
}

// putBack undoes the tasks that can be undone, then reverts the rest. It is why
// not everything could be put back.
func (r *run) putBack(ctx context.Context) error {
	undone := r.undoUnlessLive(context.WithoutCancel(ctx)) // each task has its own time
	ctx, done := timing.Bounded(ctx, timing.Cleanup+r.graces())
	defer done()
	return errors.Join(undone, r.revert(ctx, r.platform, r.record, r.lock.session, nil))
}

// graces is how long the parts may take to end, one after the other.
func (r *run) graces() time.Duration {
	all := time.Duration(0)
	for _, part := range r.spec.Parts {
		all += part.StopGrace
	}
	return all
}

// close records how the deployment ended and tells everybody.
func (r *run) close(ctx context.Context, f *Failure) {
	ctx, done := timing.Bounded(ctx, timing.Cleanup)
	defer done()
	next := r.record.Enter(f.Outcome, r.opt.Now(), "")
	next.Reason = f.Reason
	err := r.opt.Store.PutDeployment(ctx, next, r.lock.session)
	if err != nil {
		f.Leftover = errors.Join(f.Leftover, fmt.Errorf("record that the deployment is %s: %w; the next one does", f.Outcome, err))
	} else {
		r.record = next
	}
	r.say(Event{Kind: Entered, State: f.Outcome, Text: f.Reason})
	r.opt.Logger.Error("deployment", "service", r.record.Service, "target", r.record.Target, "state", f.Outcome, "reason", f.Reason)
	if err == nil {
		r.announce(ctx)
	}
}

func (r *run) reason(f *Failure, cause error) string {
	live := "nothing was live before"
	if !r.alias.Value.IsZero() {
		live = fmt.Sprintf("%s still points at %s", r.env.Name, r.alias.Value)
	}
	if !r.env.Coloured {
		live = "the containers from before are put back"
	}
	switch {
	case errors.Is(cause, catalog.ErrLockLost):
		return fmt.Sprintf("the deployment lock was lost while %s; %s", f.Stage, live)
	case errors.Is(cause, errAborted):
		return fmt.Sprintf("%s, while %s; %s", cause, f.Stage, live)
	case f.Outcome == catalog.Aborted:
		return fmt.Sprintf("the deployment was interrupted while %s; %s", f.Stage, live)
	case f.Outcome == catalog.Superseded:
		return fmt.Sprintf("somebody else moved %s while the deployment ran, so it gave way: %s", r.env.Name, cause)
	}
	return fmt.Sprintf("the deployment failed while %s: %s; %s", f.Stage, cause, live)
}

// evidence adds what failing checks and containers say, before they are removed.
func (r *run) evidence(ctx context.Context, f *Failure) {
	if !staged(f.Stage) {
		return
	}
	ctx, done := timing.Bounded(ctx, evidenceTimeout)
	defer done()
	if service, err := r.opt.Store.Service(ctx, r.record.Service); err == nil {
		now := read(service, r.record.Target, r.record.Release, nil)
		f.Checks = failedChecks(now.others)
		fillOutputs(ctx, f.Checks, now.others, r.spec.Check)
		if f.Stage != catalog.Starting { // by then all of them are registered
			there, _ := r.platform.Containers(ctx, r.work()) // of a host that is not seen nothing is said
			f.Unregistered = unregistered(there, service, r.record.Target)
		}
	}
	if errors.Is(f.Err, catalog.ErrMoved) || errors.Is(f.Err, errAborted) {
		return // the containers were well
	}
	f.Logs = r.platform.Logs(ctx, r.work())
}
