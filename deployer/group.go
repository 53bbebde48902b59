package deployer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"teal/catalog"
)

// group is one deployment, or several whose aliases move together: each is
// prepared by itself, then one transaction flips them all. What becomes of one
// becomes of all.
type group struct {
	*Deployer
	runs []*run
}

// DeployTogether deploys several services whose aliases move in one transaction:
// all of them come through or none does. It answers them as recorded, by the
// names of their services; else it is as Deploy.
func (d *Deployer) DeployTogether(ctx context.Context, reqs []Request) ([]catalog.Deployment, error) {
	d = d.patiently()
	g := &group{Deployer: d}
	for _, req := range sorted(reqs) {
		r, err := d.newRun(ctx, req)
		if err != nil {
			return nil, err
		}
		g.runs = append(g.runs, r)
	}
	if err := g.fits(); err != nil {
		return nil, err
	}
	defer g.allHeard()
	ctx, release, err := g.lockAll(ctx)
	defer release()
	if err != nil {
		return nil, err
	}
	ctx, ended := g.heedAll(ctx)
	defer ended()
	err = g.deploy(ctx)
	return g.records(), err
}

// fits is why the requests can't go together.
func (g *group) fits() error {
	seen := map[string]bool{}
	for _, r := range g.runs {
		if seen[r.spec.Service] {
			return fmt.Errorf("service %s is asked for twice; deploy it once", r.spec.Service)
		}
		seen[r.spec.Service] = true
		if len(g.runs) > 1 && r.env.Approval != nil && !r.request.WaitApproval {
			return fmt.Errorf("%s in %s needs somebody's word, and several services can only wait for it while their deployment runs; use --wait-approval", r.spec.Service, r.env.Name)
		}
	}
	if err := g.sameCanary(); err != nil {
		return err
	}
	for _, r := range g.runs {
		for _, other := range g.runs {
			if other != r {
				r.record.Together = append(r.record.Together, other.spec.Service)
			}
		}
	}
	return nil
}

// lockAll takes all locks; release lets go what was taken, even after an error.
func (g *group) lockAll(ctx context.Context) (_ context.Context, release func(), err error) {
	var taken []held
	release = func() {
		for n := len(taken) - 1; n >= 0; n-- {
			taken[n].release()
		}
	}
	for _, r := range g.runs {
		inner, lock, err := g.lock(ctx, r.spec.Service, r.env.Name, r.record.ID, r.request.WaitLock)
		if err != nil {
			return ctx, release, err
		}
		taken = append(taken, lock)
		r.lock, ctx = lock, inner
	}
	return ctx, release, nil
}

// records are the deployments as they are recorded now.
func (g *group) records() []catalog.Deployment {
	all := make([]catalog.Deployment, len(g.runs))
	for n, r := range g.runs {
		all[n] = r.record
	}
	return all
}

// each does something for all runs at once. The first that fails ends the others,
// with the reason as their cause.
func (g *group) each(ctx context.Context, do func(context.Context, *run) error) []error {
	errs := make([]error, len(g.runs))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	for n, r := range g.runs {
		wait.Go(func() {
			if errs[n] = do(ctx, r); errs[n] != nil {
				errs[n] = whyEnded(ctx, errs[n])
				cancel(fmt.Errorf("%w: %s, which is deployed together with it, does not come through", errAborted, r.spec.Service))
			}
		})
	}
	wait.Wait()
	return errs
}

// deploy goes from the first state to the last.
func (g *group) deploy(ctx context.Context) error {
	errs := g.each(ctx, func(ctx context.Context, r *run) error {
		if err := r.begin(ctx); err != nil {
			return r.notBegun(ctx, err)
		}
		return r.prepare(ctx, r.preparations())
	})
	if errors.Join(errs...) != nil {
		return g.failAll(ctx, errs)
	}
	return g.goLive(ctx)
}

// goLive flips, drains and bakes what is prepared.
func (g *group) goLive(ctx context.Context) error {
	if err := g.flip(ctx); err != nil {
		return g.failed(ctx, err)
	}
	return g.conclude(ctx)
}

// failed ends all runs for the same reason, which came up in the flip.
func (g *group) failed(ctx context.Context, cause error) error {
	if g.exposed() && !errors.Is(cause, errUnknownOutcome) {
		return g.takeBack(ctx, cause)
	}
	errs := make([]error, len(g.runs))
	for n := range errs {
		errs[n] = cause
	}
	return g.failAll(ctx, errs)
}

// exposed tells whether users' requests went to the new releases already.
func (g *group) exposed() bool {
	for _, r := range g.runs {
		if r.index != 0 {
			return true
		}
	}
	return false
}

// failAll ends the runs that were not flipped, each for its own reason; the
// reasons that others failed come last.
func (g *group) failAll(ctx context.Context, errs []error) error {
	if len(errs) == 1 {
		return g.runs[0].end(ctx, errs[0])
	}
	failures := make([]error, len(errs))
	var wait sync.WaitGroup
	for n, r := range g.runs {
		wait.Go(func() {
			cause := errs[n]
			if cause == nil {
				cause = fmt.Errorf("%w: a service that is deployed together with it does not come through", errAborted)
			}
			failures[n] = r.end(ctx, cause)
		})
	}
	wait.Wait()
	var first, later error
	for n, err := range failures {
		if errs[n] == nil || errors.Is(errs[n], errAborted) {
			later = errors.Join(later, err)
		} else {
			first = errors.Join(first, err)
		}
	}
	return errors.Join(first, later)
}

// end is how a run ends that met an error before its flip.
func (r *run) end(ctx context.Context, err error) error {
	var ended *Failure
	var awaiting *Awaiting
	if errors.As(err, &ended) || errors.As(err, &awaiting) {
		return err
	}
	return r.fail(ctx, err)
}

// notBegun is a deployment that could not even be recorded.
func (r *run) notBegun(ctx context.Context, err error) error {
	err = whyEnded(ctx, err)
	return &Failure{
		Stage: catalog.Pending, Outcome: outcomeOf(ctx, err), Service: r.record.Service, Deployment: r.record.ID, BeforeFlip: true, Err: err,
		Reason: fmt.Sprintf("the deployment did not begin, and nothing was touched: %s", err),
	}
}
