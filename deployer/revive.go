package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer/hosts"
	"teal/deployer/timing"
)

const (
	// restBudget bounds all that is done for the rest of a standby some of which passes:
	// asking its hosts, starting what is stopped and waiting for it. Users stay with what
	// is to be left meanwhile, and what passes could take them at once.
	restBudget = 10 * time.Second
	// restGlance is what a host may take of that to tell what is stopped.
	restGlance = 5 * time.Second
)

// rest is what becomes of the part of a standby that is stopped while the other part
// passes. Each host is asked by itself, so none holds up another.
type rest struct {
	service   *catalog.Service
	standby   catalog.Target
	endpoints []string

	mu      sync.Mutex
	stopped int
	started int     // of those, and has not ended again
	errs    []error // what went wrong, by host
	settled []bool  // hosts that have started what they can
}

// reviveRest starts what is stopped of a standby some of which passes, and waits for
// it within restBudget. Nothing of it keeps from going back to what passes: what is
// started and does not pass by then may come up afterwards. missing is why not all of it
// passes.
func (d *Deployer) reviveRest(ctx context.Context, s *catalog.Service, standby catalog.Target, brought catalog.Deployment) (after *catalog.Service, missing error) {
	bound, done := context.WithTimeout(ctx, restBudget)
	defer done()
	r := &rest{
		service: s, standby: standby, endpoints: brought.Hosts,
		errs: make([]error, len(brought.Hosts)), settled: make([]bool, len(brought.Hosts)),
	}
	for n := range r.endpoints { // not waited for: an engine finishes what it was told to
		go d.startRest(bound, r, n)
	}
	return d.awaitRest(bound, r, brought.Instances())
}

// startRest starts what is stopped on one host, and looks whether it ends again.
func (d *Deployer) startRest(ctx context.Context, r *rest, n int) {
	p, stopped, err := d.stoppedOn(ctx, r, n)
	if err != nil || stopped == 0 || d.opt.DryRun {
		r.settle(n, stopped, 0, err)
		return
	}
	_, started, err := p.Revive(ctx, r.service.Name, r.standby, r.service.Releases[r.standby])
	r.settle(n, stopped, started, err)
	for started > 0 && timing.Sleep(ctx, d.glance()) == nil {
		_, now, err := p.Resting(ctx, r.service.Name, r.standby, r.service.Releases[r.standby])
		if ended := now - (stopped - started); err == nil && ended > 0 {
			r.ended(n, ended)
			return
		}
	}
}

// stoppedOn asks one host how many instances are stopped.
func (d *Deployer) stoppedOn(ctx context.Context, r *rest, n int) (p platform, stopped int, err error) {
	glance, done := context.WithTimeout(ctx, restGlance)
	defer done()
	on := d.hosts()
	on.Tell = func(t hosts.Told) {
		if ctx.Err() == nil { // or nobody listens any more
			d.tellOfHost(t)
		}
	}
	p, err = on.Recorded(glance, r.endpoints[n:n+1])
	if err == nil {
		_, stopped, err = p.Resting(glance, r.service.Name, r.standby, r.service.Releases[r.standby])
	}
	return p, stopped, err
}

func (r *rest) settle(n, stopped, started int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled[n], r.errs[n] = true, err
	r.stopped += stopped
	r.started += started
}

func (r *rest) ended(n, ended int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started -= ended
	r.errs[n] = errors.Join(r.errs[n], fmt.Errorf("host %s: %d ended again after the start", r.endpoints[n], ended))
}

// awaitRest waits until want instances pass, or as many as may pass yet.
func (d *Deployer) awaitRest(ctx context.Context, r *rest, want int) (*catalog.Service, error) {
	s, had := r.service, len(r.service.Passing(r.standby))
	for {
		if now, err := d.opt.Store.Service(ctx, s.Name); err == nil {
			s = now
		}
		more, all := r.outlook()
		switch passing := len(s.Passing(r.standby)); {
		case passing >= want:
			return s, nil
		case passing < had: // by a deployer, which starts it again once it is live
			return s, errors.Join(r.missing(d.opt.DryRun), errors.New("somebody is stopping it"))
		case all && passing >= had+more:
			return s, r.missing(d.opt.DryRun)
		case ctx.Err() != nil:
			return s, r.late(passing < had+more)
		}
		_ = d.pause(ctx) // its end is seen above
	}
}

// outlook is how many instances may pass beyond those that did, and whether all hosts
// have told.
func (r *rest) outlook() (more int, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started, !slices.Contains(r.settled, false)
}

// missing is why not all pass, as far as hosts have told.
func (r *rest) missing(dryRun bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := errors.Join(r.errs...)
	if dryRun && r.stopped > 0 {
		err = errors.Join(err, fmt.Errorf("%d would be started again and checked first", r.stopped))
	}
	return err
}

// late is missing when the time is over; hoping tells that more were to pass.
func (r *rest) late(hoping bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for n, endpoint := range r.endpoints {
		err := r.errs[n]
		if !r.settled[n] {
			err = fmt.Errorf("host %s: not done after %s", endpoint, restBudget)
		}
		errs = append(errs, err)
	}
	if hoping {
		errs = append(errs, fmt.Errorf("what was started again does not pass after %s", restBudget))
	}
	return errors.Join(errs...)
}
