package deployer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"teal/catalog"
	"teal/deployer/timing"
)

// errAborted: somebody does not want the deployment to go on.
var errAborted = errors.New("the deployment was aborted")

// heedAll ends the context when somebody aborts one of the deployments. ended
// stops asking.
func (g *group) heedAll(ctx context.Context) (_ context.Context, ended func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var wait sync.WaitGroup
	for _, r := range g.runs {
		of := r.record // as it is now: it changes while this runs
		wait.Go(func() {
			if err := g.heed(ctx, of); err != nil {
				cancel(err)
			}
		})
	}
	return ctx, func() {
		cancel(nil)
		wait.Wait()
	}
}

// heed waits until somebody aborts the deployment; the error is who, and why. It
// is nil when ctx ends first.
func (d *Deployer) heed(ctx context.Context, record catalog.Deployment) error {
	for {
		if timing.Sleep(ctx, d.glance()) != nil {
			return nil
		}
		said, ok, err := d.opt.Store.Decision(ctx, record.Service, record.Environment, record.ID)
		if err != nil {
			d.opt.Logger.Debug("can't read whether somebody aborts", "deployment", record.ID, "error", err)
			continue
		}
		if ok && said.Verdict == catalog.Abort {
			return abortedBy(said)
		}
	}
}

func abortedBy(said catalog.Decision) error {
	if said.Reason == "" {
		return fmt.Errorf("%w by %s", errAborted, said.By)
	}
	return fmt.Errorf("%w by %s: %s", errAborted, said.By, said.Reason)
}
