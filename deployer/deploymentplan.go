package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/servicefile"
)

// DeploymentPlan is what a deployment would change.
type DeploymentPlan struct {
	Service     string         `json:"service"`
	Environment string         `json:"environment"`
	Release     string         `json:"release"`
	Target      catalog.Target `json:"target"` // where the release would be started
	// Live is what the environment points at; empty when nothing was ever deployed
	// there.
	Live catalog.AliasValue `json:"live"`
	// Changes is false when what is live is what the service file says already.
	Changes bool          `json:"changes"`
	Hosts   []HostChanges `json:"hosts"`
	Keys    []KeyChange   `json:"keys"`
	Routes  []RouteChange `json:"routes"`
	Drift   []Drift       `json:"drift"`
	Notes   []string      `json:"notes"` // what to know besides, a sentence each
}

// HostChanges are the changes on one host.
type HostChanges struct {
	Host       string            `json:"host"` // its endpoint
	Containers []ContainerChange `json:"containers"`
}

// ContainerChange is what would become of one container.
type ContainerChange struct {
	Container string          `json:"container"`
	Action    ContainerAction `json:"action"`
	Image     string          `json:"image"` // it would run, or runs
	// LiveImage and LiveDigest are what the live container of the same part and
	// number runs, as its host's engine tells it; empty where there is none.
	LiveImage  string `json:"live_image,omitempty"`
	LiveDigest string `json:"live_digest,omitempty"`
}

// ContainerAction is what would be done.
type ContainerAction string

// The actions. What is stopped or replaced is removed once the flip is through.
const (
	StartContainer   ContainerAction = "start"
	ReplaceContainer ContainerAction = "replace"
	StopContainer    ContainerAction = "stop"
	KeepContainer    ContainerAction = "keep"
)

// Plan tells what a deployment would change. It touches nothing and takes no
// lock. What would keep a deployment from beginning is an error, and so is what it
// would be refused for, unless there is nothing to deploy.
func (d *Deployer) Plan(ctx context.Context, req Request) (DeploymentPlan, error) {
	env, err := req.Spec.Environment(req.Environment)
	if err != nil {
		return DeploymentPlan{}, err
	}
	if env.Hosts, err = d.hosts().Endpoints(ctx, env); err != nil {
		return DeploymentPlan{}, err
	}
	spec := req.Spec.In(env)
	p := planning{spec: spec, env: env, now: d.opt.Now().UTC(), environ: d.opt.Environ}
	p.placement = plan.Placement{Release: spec.ReleaseID(req.Release, req.Revision), Revision: req.Revision}
	pinning := &run{Deployer: d, spec: spec, env: env, request: req}
	if p.placement.Images, err = pinning.pin(ctx); err != nil {
		p.unpinned = fmt.Sprintf("a deployment from here would not begin: %s", err)
	}
	if err := d.readFor(ctx, &p); err != nil {
		return DeploymentPlan{}, err
	}
	if p.placement.Target, p.alias, err = chooseTarget(p.service, env); err != nil {
		return DeploymentPlan{}, fmt.Errorf("choose the offline colour of %s: %w", req.Spec.Service, err)
	}
	if err := p.hostsSeen(); err != nil {
		return DeploymentPlan{}, err
	}
	p.refused = errors.Join(
		otherUsers(p.service, p.placement.Target, env.Name), requirement(p.service, p.before, env, p.placement.Images))
	plan := p.plan()
	if plan.Changes && p.refused != nil {
		return DeploymentPlan{}, fmt.Errorf("a deployment of %s to %s would be refused: %w", spec.Service, env.Name, p.refused)
	}
	return plan, nil
}

// readFor reads all that a plan follows from.
func (d *Deployer) readFor(ctx context.Context, p *planning) (err error) {
	name, env := p.spec.Service, p.env.Name
	if p.service, err = d.opt.Store.Service(ctx, name); err != nil {
		return fmt.Errorf("read service %s: %w", name, err)
	}
	if p.configs, err = d.opt.Store.ServiceConfigs(ctx); err != nil {
		return fmt.Errorf("read what other services declare: %w", err)
	}
	if p.deployments, err = d.deploymentsTo(ctx, name, env); err != nil {
		return err
	}
	if p.env.Requires != "" {
		if p.before, err = d.deploymentsTo(ctx, name, p.env.Requires); err != nil {
			return err
		}
	}
	if p.lock, p.locked, err = d.opt.Store.HeldLock(ctx, name, env); err != nil {
		return err
	}
	endpoints := slices.Clone(p.env.Hosts)
	for _, h := range recordedHosts(p.deployments) {
		if !slices.Contains(endpoints, h) {
			endpoints = append(endpoints, h)
		}
	}
	p.seen = d.survey(ctx, endpoints, name, env)
	return nil
}

// planning is all that a plan follows from.
type planning struct {
	spec        *servicefile.Spec
	env         servicefile.Environment
	placement   plan.Placement
	now         time.Time
	environ     []string
	service     *catalog.Service
	alias       catalog.Alias
	configs     map[string]catalog.ServiceConfig // of all services
	deployments []catalog.Deployment
	before      []catalog.Deployment // to the environment that this one requires
	lock        catalog.HeldLock
	locked      bool
	seen        []sighting // the environment's hosts first
	unpinned    string     // why not all images can be had; empty when they can
	refused     error      // why what can be begun is not let through; nil when it is
}

// hostsSeen is the error of the hosts that a deployment would go to and that
// can't be seen.
func (p planning) hostsSeen() error {
	var errs []error
	there := 0
	for _, one := range p.seen[:len(p.env.Hosts)] {
		errs = append(errs, one.Err)
		if one.Err == nil {
			there++
		}
	}
	if p.env.AtLeast > 0 && there >= p.env.AtLeast {
		return nil
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("a deployment of %s to %s would not begin: %w", p.spec.Service, p.env.Name, err)
	}
	return nil
}

// plan decides. It is pure.
func (p planning) plan() DeploymentPlan {
	routes, config := p.declared()
	plan := DeploymentPlan{
		Service: p.spec.Service, Environment: p.env.Name, Release: p.placement.Release,
		Target: p.placement.Target, Live: p.alias.Value,
		Hosts: []HostChanges{}, Keys: []KeyChange{}, Routes: routes,
		Drift: slices.Concat([]Drift{}, driftOf(p.service, p.env.Name, p.deployments, p.seen)), Notes: p.notes(),
	}
	upToDate := p.upToDate() && config == nil
	if upToDate {
		plan.Target, _ = p.alias.Value.Single()
	}
	for n, endpoint := range p.env.Hosts {
		containers := p.changesOn(p.seen[n])
		if upToDate {
			containers = keptOf(p.seen[n].of(plan.Target))
		}
		plan.Hosts = append(plan.Hosts, HostChanges{Host: endpoint, Containers: containers})
	}
	if plan.Changes = !upToDate; plan.Changes {
		plan.Keys = p.keys(config)
		plan.Notes = append(plan.Notes, p.course()...)
	}
	return plan
}

// course are the notes on what a deployment does besides.
func (p planning) course() []string {
	old, ok := p.alias.Value.Single()
	course := p.spec.Course(p.env, ok && old != p.placement.Target)
	if err := p.spec.Gates.Missing(p.environ); err != nil {
		course = append(course, fmt.Sprintf("a deployment from here would not begin: %s", err))
	}
	return course
}

// notes are what else to know before deploying.
func (p planning) notes() []string {
	notes := []string{}
	if p.unpinned != "" {
		notes = append(notes, p.unpinned)
	}
	if p.refused != nil {
		notes = append(notes, fmt.Sprintf("a deployment would be refused: %s", p.refused))
	}
	for _, one := range p.seen[:len(p.env.Hosts)] {
		if one.Err != nil {
			notes = append(notes, fmt.Sprintf("left out by a deployment now: %s", one.Err))
		}
	}
	for _, why := range p.env.Missing {
		notes = append(notes, "a deployment from here would not begin: "+why)
	}
	if p.locked && p.lock.Alive {
		notes = append(notes, fmt.Sprintf("%s holds the deployment lock (%s), so a deployment would not begin now", p.lock.Holder, p.lock.Deployment))
	}
	for _, d := range p.deployments {
		if !d.State.Ended() && (!p.locked || p.lock.Deployment != d.ID) {
			notes = append(notes, fmt.Sprintf("deployment %s never ended (%s); a deployment would finish or revert it first", d.ID, d.State))
		}
	}
	for _, one := range p.seen[len(p.env.Hosts):] {
		if one.Err != nil {
			notes = append(notes, fmt.Sprintf("an earlier deployment went to a host that is not looked at: %s", one.Err))
		}
	}
	return notes
}
