package deployer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/servicefile"
	"teal/deployer/work"
)

// Request is what to deploy where.
type Request struct {
	Spec        *servicefile.Spec
	Environment string
	Release     string    // what to call it; empty for what the file or the commit says
	Revision    string    // the commit, for the records
	Committed   time.Time // when that commit was made; zero when it is not known
	// Images are what parts shall run instead of what the file says, pinned by
	// digest: the very images that From has been found good with.
	Images map[string]string
	From   string
	// WaitLock is how long to wait for somebody else's deployment to end; 0 for not
	// at all.
	WaitLock time.Duration
	// WaitApproval waits for the word that the environment asks for. Otherwise the
	// deployment stays where it is with an *Awaiting, to be resumed.
	WaitApproval bool
}

// run is one deployment on its way.
type run struct {
	*Deployer
	spec     *servicefile.Spec // as it is in the environment
	env      servicefile.Environment
	request  Request
	platform platform
	plan     plan.Plan
	record   catalog.Deployment
	lock     held

	alias   catalog.Alias             // as last read or flipped: what the next flip compares with
	service *catalog.Service          // as last read
	guards  []catalog.Instance        // the instances that passed the gate
	index   uint64                    // of the last flip, once one is through
	later   int                       // instances that are still to be started
	direct  bool                      // that no router lives to test through has been told
	trouble error                     // why the last look at Consul or a host saw nothing; nil when it did
	shown   map[string]catalog.Health // how each check was when it was last told
	at      string                    // the alias that tests go to instead of the target; empty for the target
	telling <-chan []string           // answers when all is told that is told beside the run; nil when nothing is
}

// Deploy brings a release to an environment: into its offline colour, checked,
// then flipped to. It answers the deployment as recorded. A deployment that did
// not come through is a *Failure, one that waits for somebody's word an *Awaiting;
// catalog.ErrLocked tells that another one is under way.
func (d *Deployer) Deploy(ctx context.Context, req Request) (catalog.Deployment, error) {
	done, err := d.DeployTogether(ctx, []Request{req})
	if len(done) == 0 {
		return catalog.Deployment{}, err
	}
	return done[0], err
}

func (d *Deployer) newRun(ctx context.Context, req Request) (*run, error) {
	env, err := req.Spec.Environment(req.Environment)
	if err != nil {
		return nil, err
	}
	if env.Hosts, err = d.hosts().Endpoints(ctx, env); err != nil {
		return nil, err
	}
	spec := req.Spec.In(env)
	r := &run{Deployer: d, spec: spec, env: env, request: req}
	if r.platform, err = d.hosts().Platform(env); err != nil {
		return nil, err
	}
	r.record = d.newRecord(req, r)
	return r, nil
}

func (d *Deployer) newRecord(req Request, r *run) catalog.Deployment {
	now := d.opt.Now()
	hosts, _ := r.platform.Places()
	record := catalog.Deployment{
		ID:          catalog.NewDeploymentID(now),
		Service:     r.spec.Service,
		Environment: r.env.Name,
		Release:     r.spec.ReleaseID(req.Release, req.Revision),
		Revision:    req.Revision,
		Committed:   req.Committed.UTC(),
		Spec:        req.Spec.Digest(),
		Hosts:       hosts,
		Images:      req.Images,
		From:        req.From,
		Keep:        cmp.Or(r.env.Keep, servicefile.DefaultKeep),
		Notify:      recordedNotify(r.spec.Notify),
		By:          d.opt.By,
	}
	return record.Enter(catalog.Pending, now, "")
}

// work is what the run wants of its platform, as it is recorded now.
func (r *run) work() work.Order {
	return work.Order{
		Spec: r.spec, Env: r.env, Plan: r.plan, Record: r.record, Later: r.later,
		Step: func(place, container, format string, args ...any) {
			r.say(Event{Kind: Step, Host: place, Container: container, Text: fmt.Sprintf(format, args...)})
		},
		Note: r.note,
	}
}

// step is a state and what is done in it.
type step struct {
	state catalog.DeploymentState
	do    func(context.Context) error
}

// preparations are the states before the flip that the run goes through.
func (r *run) preparations() []step {
	steps := []step{
		{catalog.Locked, r.preflight},
		{catalog.Pulling, r.pull},
		{catalog.Starting, r.stage},
		{catalog.Checking, r.check},
	}
	if len(r.spec.Tests()) > 0 {
		steps = append(steps, step{catalog.Testing, r.test})
	}
	if r.env.Approval != nil {
		steps = append(steps, step{catalog.AwaitingApproval, r.awaitApproval})
	}
	return steps
}

// preflight looks whether the work can be done. Its state is the first that is
// recorded, so the beginning is told now.
func (r *run) preflight(ctx context.Context) error {
	r.announceBeside(ctx, r.record)
	return r.platform.Preflight(ctx, r.work())
}

// prepare goes through the given states.
func (r *run) prepare(ctx context.Context, steps []step) error {
	for _, step := range steps {
		if err := r.enter(ctx, step.state); err != nil {
			return err
		}
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// begin settles what dead deployers left and decides where to deploy to.
func (r *run) begin(ctx context.Context) error {
	name, env := r.spec.Service, r.env.Name
	if err := errors.Join(r.spec.Gates.Missing(r.opt.Environ), r.missingFiles()); err != nil {
		return err
	}
	if err := r.settleLeftovers(ctx, r.lock.session); err != nil {
		return fmt.Errorf("look for what earlier deployments of %s to %s left: %w", name, env, err)
	}
	service, err := r.opt.Store.Service(ctx, name)
	if err != nil {
		return fmt.Errorf("read service %s: %w", name, err)
	}
	target, alias, err := chooseTarget(service, r.env)
	if err != nil {
		return fmt.Errorf("choose the offline colour of %s: %w", name, err)
	}
	if err := otherUsers(service, target, env); err != nil {
		return err
	}
	r.service, r.alias = service, alias
	r.record.Target, r.record.Previous = target, alias.Value
	if old, ok := service.Releases[target]; ok {
		r.record.Replaces = &old
	}
	r.decide()
	return nil
}

// otherUsers is that another alias leads to the target: its users would meet a
// release that nobody has checked.
func otherUsers(s *catalog.Service, target catalog.Target, environment string) error {
	for _, name := range aliasNames(s) {
		if a, _ := s.Resolve(name); name != environment && target.Colour != "" && a.Value.Sends(target) {
			return fmt.Errorf("alias %s points at %s, which would be replaced; point it elsewhere first with `teal flip %s %s TARGET`", name, target, s.Name, name)
		}
	}
	return nil
}

// missingFiles is which secrets and configs of the environment can't be had.
func (r *run) missingFiles() error {
	var errs []error
	for _, why := range r.env.Missing {
		errs = append(errs, errors.New(why))
	}
	return errors.Join(errs...)
}

// decide plans what shall run, and records it.
func (r *run) decide() {
	r.plan = plan.Of(r.spec, r.env, plan.Placement{
		Target: r.record.Target, Release: r.record.Release, Revision: r.record.Revision,
		Deployment: r.record.ID, Images: r.record.Images,
	})
	r.record.Containers = r.plan.Recorded(r.env)
	r.record.Hosts, r.record.Missed = r.platform.Places()
}

// chooseTarget is where a deployment to env goes, and the alias that will point
// there.
func chooseTarget(s *catalog.Service, env servicefile.Environment) (catalog.Target, catalog.Alias, error) {
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
	return r.write(ctx, r.record.Enter(state, r.opt.Now(), ""))
}

// write records the deployment and tells where it stands.
func (r *run) write(ctx context.Context, next catalog.Deployment) error {
	next.Hosts, next.Missed = r.platform.Places()
	if err := r.opt.Store.PutDeployment(ctx, next, r.lock.session); err != nil {
		return fmt.Errorf("record that the deployment is %s: %w", next.State, err)
	}
	r.record = next
	r.entered("")
	return nil
}

// entered tells where the deployment stands, in words of its own where they are
// given.
func (r *run) entered(text string) {
	if text == "" {
		text = r.heading(r.record.State)
	}
	r.say(Event{Kind: Entered, Text: text})
	r.opt.Logger.Info("deployment", "service", r.record.Service, "target", r.record.Target, "release", r.record.Release, "state", r.record.State)
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
		return fmt.Sprintf("testing %s: %s", target, strings.Join(r.spec.Tests(), ", "))
	case catalog.AwaitingApproval:
		return fmt.Sprintf("%s is ready and awaits somebody's word: `teal approve %s %s`, or `teal abort`", target, r.record.Service, r.env.Name)
	case catalog.Flipping:
		if part := r.record.Timeline[len(r.record.Timeline)-1].Note; part != "" {
			return fmt.Sprintf("%s goes to %s", part, r.record.Target)
		}
		if !r.env.Coloured {
			return fmt.Sprintf("%s is checked; keeping release %s", r.record.Target, r.record.Release)
		}
		return fmt.Sprintf("flipping %s to %s", r.env.Name, r.record.Target)
	case catalog.Draining:
		return fmt.Sprintf("%s is live; waiting for the routers and for the last requests elsewhere", r.record.Target)
	case catalog.Baking:
		return fmt.Sprintf("watching %s for %s", target, r.spec.Bake.For)
	case catalog.RollingBack:
		return fmt.Sprintf("taking %s back", target)
	case catalog.Succeeded:
		return fmt.Sprintf("release %s is live as %s", r.record.Release, target)
	}
	return string(state)
}

func (r *run) step(format string, args ...any) { r.work().Step("", "", format, args...) }

// say tells something of this deployment.
func (r *run) say(e Event) {
	if e.State == "" {
		e.State = r.record.State
	}
	e.Service, e.Target, e.Release = r.record.Service, r.record.Target, r.record.Release
	r.tell(e)
}

func (r *run) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.say(Event{Kind: Note, Text: text})
	r.opt.Logger.Warn("deployment", "service", r.record.Service, "target", r.record.Target, "note", text)
}

// outcomeOf is how a deployment ends that met an error before its flip.
func outcomeOf(ctx context.Context, err error) catalog.DeploymentState {
	switch {
	case errors.Is(err, catalog.ErrMoved):
		return catalog.Superseded
	case errors.Is(err, catalog.ErrLockLost), ctx.Err() != nil, errors.Is(err, errAborted):
		return catalog.Aborted
	}
	return catalog.Failed
}

// sorted are the requests in the order in which they take their locks, so that
// two that want the same never wait for each other.
func sorted(reqs []Request) []Request {
	reqs = slices.Clone(reqs)
	slices.SortStableFunc(reqs, func(a, b Request) int {
		if a.Spec.Service != b.Spec.Service {
			if a.Spec.Service < b.Spec.Service {
				return -1
			}
			return 1
		}
		return 0
	})
	return reqs
}
