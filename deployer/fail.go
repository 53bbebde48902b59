package deployer

import (
	"context"
	"errors"
	"fmt"

	"teal/catalog"
)

// fail gathers why a deployment failed, puts back what it changed, and records
// how it ended. The alias was not touched.
func (r *run) fail(ctx context.Context, cause error) error {
	if stopped := context.Cause(ctx); stopped != nil && !errors.Is(cause, stopped) {
		cause = fmt.Errorf("%w (while: %w)", stopped, cause)
	}
	f := &Failure{
		Stage: r.record.State, Outcome: outcomeOf(ctx, cause), Deployment: r.record.ID,
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
	ctx, done := bounded(ctx, cleanupTimeout)
	defer done()
	f.Leftover = r.revert(ctx, r.hosts, r.record, r.lock.session, nil)
	next := r.record.Enter(f.Outcome, r.opt.Now(), "")
	next.Reason = f.Reason
	if err := r.opt.Store.PutDeployment(ctx, next, r.lock.session); err != nil {
		f.Leftover = errors.Join(f.Leftover, fmt.Errorf("record that the deployment is %s: %w", f.Outcome, err))
	} else {
		r.record = next
	}
	r.tell(Event{Kind: Entered, State: f.Outcome, Text: f.Reason})
	r.opt.Logger.Error("deployment", "service", r.record.Service, "target", r.record.Target, "state", f.Outcome, "reason", f.Reason)
	return f
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
	ctx, done := bounded(ctx, evidenceTimeout)
	defer done()
	if service, err := r.opt.Store.Service(ctx, r.record.Service); err == nil {
		now := read(service, r.record.Target, r.record.Release, nil)
		f.Checks = failedChecks(now.others)
		fillOutputs(ctx, f.Checks, now.others, r.spec.Check)
	}
	if errors.Is(f.Err, catalog.ErrMoved) {
		return // the containers were well
	}
	for _, h := range r.hosts {
		mine, err := r.mine(ctx, h)
		if err != nil {
			continue // its absence is not what the deployment failed of
		}
		for _, c := range suspects(mine, r.spec.Routed) {
			f.Logs = append(f.Logs, containerLog(ctx, h, c))
		}
	}
}

// suspects are the containers whose logs may tell why: those that exited, else
// those that take the requests.
func suspects(mine []catalog.Container, routed string) []catalog.Container {
	var exited, serving []catalog.Container
	for _, c := range mine {
		if hasFailed(c) {
			exited = append(exited, c)
		} else if c.Labels[catalog.LabelPart] == routed {
			serving = append(serving, c)
		}
	}
	if len(exited) > 0 {
		return exited
	}
	return serving
}

func containerLog(ctx context.Context, h host, c catalog.Container) ContainerLog {
	log := ContainerLog{Host: h.Name(), Container: c.Name, State: "is running"}
	if !c.Running {
		log.State = fmt.Sprintf("exited with %d", c.ExitCode)
	}
	lines, err := h.Logs(ctx, c.ID, logLines)
	if err != nil {
		lines = fmt.Sprintf("(its logs can't be read: %s)", err)
	}
	log.Lines = lines
	return log
}
