package deployer

import (
	"context"
	"errors"
	"fmt"

	"teal/catalog"
)

// Request is what to deploy where.
type Request struct {
	Spec        *Spec
	Environment string
	Release     string // what to call it; empty for what the file or the commit says
	Revision    string // the commit, for the records
}

// run is one deployment on its way.
type run struct {
	*Deployer
	spec   *Spec
	env    Environment
	plan   HostPlan
	hosts  []host
	record catalog.Deployment
	lock   held
	images map[string]string // part to digest

	alias   catalog.Alias      // as read at the start: what the flip compares with
	service *catalog.Service   // as last read
	guards  []catalog.Instance // the instances that passed the gate
	index   uint64             // of the flip, once it is through
	direct  bool               // that no router lives to test through has been told
	trouble error              // why the last look at Consul or a host saw nothing; nil when it did
}

// Deploy brings a release to an environment: into its offline colour, checked,
// then flipped to. It answers the deployment as recorded. A deployment that did
// not come through is a *Failure; catalog.ErrLocked tells that another one is
// under way.
func (d *Deployer) Deploy(ctx context.Context, req Request) (catalog.Deployment, error) {
	env, err := req.Spec.Environment(req.Environment)
	if err != nil {
		return catalog.Deployment{}, err
	}
	r := &run{Deployer: d, spec: req.Spec, env: env, images: map[string]string{}, record: d.newRecord(req, env)}
	if r.hosts, err = d.connect(env.Hosts); err != nil {
		return catalog.Deployment{}, err
	}
	inner, lock, err := d.lock(ctx, req.Spec.Service, env.Name, r.record.ID)
	if err != nil {
		return catalog.Deployment{}, err
	}
	defer lock.release()
	r.lock = lock
	return r.deploy(inner)
}

func (d *Deployer) newRecord(req Request, env Environment) catalog.Deployment {
	now := d.opt.Now()
	record := catalog.Deployment{
		ID:          catalog.NewDeploymentID(now),
		Service:     req.Spec.Service,
		Environment: env.Name,
		Release:     req.Spec.ReleaseID(req.Release, req.Revision),
		Revision:    req.Revision,
		Spec:        req.Spec.Digest(),
		Hosts:       env.Hosts,
		By:          d.opt.By,
	}
	return record.Enter(catalog.Pending, now, "")
}

func (r *run) deploy(ctx context.Context) (catalog.Deployment, error) {
	if err := r.begin(ctx); err != nil {
		return r.record, &Failure{
			Stage: catalog.Pending, Outcome: outcomeOf(ctx, err), Deployment: r.record.ID, BeforeFlip: true, Err: err,
			Reason: fmt.Sprintf("the deployment did not begin, and nothing was touched: %s", err),
		}
	}
	for _, step := range []struct {
		state catalog.DeploymentState
		do    func(context.Context) error
	}{
		{catalog.Locked, r.ping},
		{catalog.Pulling, r.pull},
		{catalog.Starting, r.stage},
		{catalog.Checking, r.check},
		{catalog.Testing, r.test},
		{catalog.Flipping, r.flip},
	} {
		if step.state == catalog.Testing && r.spec.Gates.none() {
			continue
		}
		err := r.enter(ctx, step.state)
		if err == nil {
			err = step.do(ctx)
		}
		if err != nil {
			return r.record, r.fail(ctx, err)
		}
	}
	return r.record, r.conclude(ctx)
}

// begin settles what dead deployers left and decides where to deploy to.
func (r *run) begin(ctx context.Context) error {
	name, env := r.spec.Service, r.env.Name
	if err := r.settleLeftovers(ctx, name, env, r.lock.session); err != nil {
		return fmt.Errorf("look for what earlier deployments of %s to %s left: %w", name, env, err)
	}
	if err := r.spec.Gates.missing(r.opt.Environ); err != nil {
		return err
	}
	service, err := r.opt.Store.Service(ctx, name)
	if err != nil {
		return fmt.Errorf("read service %s: %w", name, err)
	}
	target, alias, err := chooseTarget(service, r.env)
	if err != nil {
		return fmt.Errorf("choose the offline colour of %s: %w", name, err)
	}
	r.service, r.alias = service, alias
	r.record.Target, r.record.Previous = target, alias.Value
	if old, ok := service.Releases[target]; ok {
		r.record.Replaces = &old
	}
	r.plan = PlanHost(r.spec, r.env, Placement{
		Target: target, Release: r.record.Release, Revision: r.record.Revision, Deployment: r.record.ID,
	})
	r.record.Containers = r.plan.recorded(r.env)
	return nil
}

// chooseTarget is where a deployment to env goes, and the alias that will point
// there.
func chooseTarget(s *catalog.Service, env Environment) (catalog.Target, catalog.Alias, error) {
	alias, ok := s.Resolve(env.Name)
	if !ok {
		alias = catalog.Alias{Name: env.Name}
	}
	if !env.Coloured {
		return catalog.Target{Environment: env.Name}, alias, nil
	}
	target, err := alias.Value.Offline(env.Name)
	return target, alias, err
}

// enter records that the deployment goes into a state, before it does.
func (r *run) enter(ctx context.Context, state catalog.DeploymentState) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	next := r.record.Enter(state, r.opt.Now(), "")
	if err := r.opt.Store.PutDeployment(ctx, next, r.lock.session); err != nil {
		return fmt.Errorf("record that the deployment is %s: %w", state, err)
	}
	r.record = next
	r.tell(Event{Kind: Entered, State: state, Text: r.heading(state)})
	r.opt.Logger.Info("deployment", "service", r.record.Service, "target", r.record.Target, "release", r.record.Release, "state", state)
	return nil
}

func (r *run) heading(state catalog.DeploymentState) string {
	target := fmt.Sprintf("%s of %s", r.record.Target, r.record.Service)
	switch state {
	case catalog.Locked:
		return fmt.Sprintf("deploying release %s to %s", r.record.Release, target)
	case catalog.Pulling:
		return "pulling images"
	case catalog.Starting:
		return "starting " + target
	case catalog.Checking:
		return "checking " + target
	case catalog.Testing:
		return fmt.Sprintf("testing %s: %s", target, r.spec.Gates)
	case catalog.Flipping:
		if !r.env.Coloured {
			return fmt.Sprintf("%s is checked; keeping release %s", r.record.Target, r.record.Release)
		}
		return fmt.Sprintf("flipping %s to %s", r.env.Name, r.record.Target)
	case catalog.Draining:
		return fmt.Sprintf("%s is live; waiting for the routers and for the last requests elsewhere", r.record.Target)
	case catalog.Succeeded:
		return fmt.Sprintf("release %s is live as %s", r.record.Release, target)
	}
	return string(state)
}

func (r *run) step(h host, container, format string, args ...any) {
	e := Event{Kind: Step, State: r.record.State, Container: container, Text: fmt.Sprintf(format, args...)}
	if h.Host != nil {
		e.Host = h.Name()
	}
	r.tell(e)
}

func (r *run) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.tell(Event{Kind: Note, State: r.record.State, Text: text})
	r.opt.Logger.Warn("deployment", "service", r.record.Service, "target", r.record.Target, "note", text)
}

// outcomeOf is how a deployment ends that met an error.
func outcomeOf(ctx context.Context, err error) catalog.DeploymentState {
	switch {
	case errors.Is(err, catalog.ErrMoved):
		return catalog.Superseded
	case errors.Is(err, catalog.ErrLockLost), ctx.Err() != nil:
		return catalog.Aborted
	}
	return catalog.Failed
}
