package deployer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"teal/catalog"
	"teal/deployer/hosts"
	"teal/deployer/plan"
)

// PruneRequest is what to prune.
type PruneRequest struct {
	Service     string
	Environment string // all when empty
	// Keep is how many releases stay on the hosts, and how many deployments in the
	// records, of each environment; 0 for as many releases as the environment says,
	// and DefaultRecords.
	Keep   int
	Images bool // remove images that nothing refers to, too
	DryRun bool // tell what would be removed, and remove nothing
}

// DefaultRecords is how many records of deployments stay unless told otherwise:
// more than releases, as they tell how deployments went.
const DefaultRecords = 20

// Pruned is what was removed, or would be.
type Pruned struct {
	Service     string             `json:"service"`
	DryRun      bool               `json:"dry_run"`
	Containers  []PrunedContainer  `json:"containers"`
	Deployments []PrunedDeployment `json:"deployments"`
	Images      []PrunedImage      `json:"images"`
	// Left is what could not be removed or looked at, a sentence each.
	Left []string `json:"left"`
}

// PrunedContainer is a stopped container of a release that is kept no more, or one
// that an ended deployment had put aside.
type PrunedContainer struct {
	Host      string         `json:"host"` // its endpoint
	Container string         `json:"container"`
	Target    catalog.Target `json:"target"`
	Release   string         `json:"release"`
}

// PrunedDeployment is the record of a deployment.
type PrunedDeployment struct {
	ID          string                  `json:"id"`
	Environment string                  `json:"environment"`
	Release     string                  `json:"release"`
	State       catalog.DeploymentState `json:"state"`
}

// pruneHolder is what the deployment lock says it is held for.
const pruneHolder = "teal prune"

// Prune removes what nobody needs any more, under each environment's deployment
// lock: containers of releases beyond those that are kept, those that deployments
// put aside and could not remove, the records of old deployments, and, where that
// is asked for, the images that are left over then. It answers what it did even with an error. A
// service that nobody knows is an error.
func (d *Deployer) Prune(ctx context.Context, req PruneRequest) (Pruned, error) {
	pruned := Pruned{
		Service: req.Service, DryRun: req.DryRun,
		Containers: []PrunedContainer{}, Deployments: []PrunedDeployment{}, Images: []PrunedImage{}, Left: []string{},
	}
	s, err := d.opt.Store.Service(ctx, req.Service)
	if err != nil {
		return pruned, fmt.Errorf("read service %s: %w", req.Service, err)
	}
	if s.Unknown() {
		return pruned, unknownService(req.Service)
	}
	for _, env := range chosenEnvironments(s, req.Environment) {
		if err := d.pruneEnvironment(ctx, req, env, &pruned); err != nil {
			return pruned, fmt.Errorf("prune %s in %s: %w", req.Service, env, err)
		}
	}
	if req.Images {
		if err := d.pruneImages(ctx, req, s, &pruned); err != nil {
			return pruned, fmt.Errorf("prune the images of %s: %w", req.Service, err)
		}
	}
	return pruned, nil
}

func (d *Deployer) pruneEnvironment(ctx context.Context, req PruneRequest, env string, pruned *Pruned) error {
	p := pruning{Deployer: d, pruned: pruned}
	if err := p.look(ctx, req, env); err != nil || len(p.deployments) == 0 {
		return err // nothing of ours to lock for
	}
	if req.DryRun {
		p.decide(env, req.Keep)
		p.tell()
		return nil
	}
	ctx, lock, err := d.lock(ctx, req.Service, env, pruneHolder, 0)
	if err != nil {
		return err
	}
	defer lock.release()
	if err := p.look(ctx, req, env); err != nil { // again, as it may have moved before we had the lock
		return err
	}
	p.decide(env, req.Keep)
	p.removeContainers(ctx)
	return p.forget(ctx, lock.session)
}

// pruning is one environment that is being pruned.
type pruning struct {
	*Deployer
	pruned      *Pruned
	service     *catalog.Service
	deployments []catalog.Deployment
	seen        []sighting
	aside       []asideContainer     // to remove
	old         []catalog.Deployment // to forget
}

// asideContainer is a container and its host.
type asideContainer struct {
	catalog.Container
	host hosts.Connected
}

func (p *pruning) look(ctx context.Context, req PruneRequest, env string) (err error) {
	if p.service, err = p.opt.Store.Service(ctx, req.Service); err != nil {
		return fmt.Errorf("read the service: %w", err)
	}
	if p.deployments, err = p.opt.Store.Deployments(ctx, req.Service, env); err != nil {
		return fmt.Errorf("read its deployments: %w", err)
	}
	p.seen = p.survey(ctx, recordedHosts(p.deployments), req.Service, env)
	return nil
}

// decide finds what is to go.
func (p *pruning) decide(env string, keep int) {
	kept := map[string]bool{} // by deployment
	for _, one := range p.seen {
		if one.Err != nil {
			p.pruned.Left = append(p.pruned.Left, one.Err.Error())
			continue
		}
		for _, c := range one.Containers {
			if abandoned(p.service, p.deployments, c) {
				p.aside = append(p.aside, asideContainer{c, one.Host})
			}
		}
		beyond := p.beyond(one, cmp.Or(keep, keepOf(p.deployments)))
		for _, c := range one.Kept {
			if slices.ContainsFunc(beyond, func(b catalog.Container) bool { return b.ID == c.ID }) {
				p.aside = append(p.aside, asideContainer{c, one.Host})
				continue
			}
			kept[c.Labels[catalog.LabelDeployment]] = true
		}
	}
	p.old = outlived(p.service, p.deployments, env, cmp.Or(keep, DefaultRecords), kept)
}

// beyond are the containers of releases that a host keeps no more. While a
// deployment has not ended nobody knows which releases its targets hold.
func (p *pruning) beyond(seen sighting, keep int) []catalog.Container {
	if slices.ContainsFunc(p.deployments, func(d catalog.Deployment) bool { return !d.State.Ended() }) {
		return nil
	}
	return plan.Surplus(slices.Concat(seen.Containers, seen.Kept), keep)
}

// abandoned tells whether a container was put aside and nobody will bring it
// back: no deployment to its target is under way, and the release that is
// recorded there is another's. It is pure.
func abandoned(s *catalog.Service, deployments []catalog.Deployment, c catalog.Container) bool {
	t := plan.TargetOf(c)
	release, held := s.Releases[t]
	return plan.IsAside(c) && !c.Running && held && release.Deployment != "" &&
		c.Labels[catalog.LabelDeployment] != "" && c.Labels[catalog.LabelDeployment] != release.Deployment &&
		!inMotion(deployments, t)
}

// outlived are the deployments beyond the newest that nothing refers to, the
// oldest first. What is live, standby or kept may be older than many that failed.
// It is pure.
func outlived(s *catalog.Service, deployments []catalog.Deployment, env string, keep int, kept map[string]bool) []catalog.Deployment {
	needed := maps.Clone(kept)
	lastOf := map[catalog.Target]string{} // where a rollback looks for the hosts
	for _, d := range deployments {
		needed[d.ID] = needed[d.ID] || !d.State.Ended()
		if d.State == catalog.Succeeded {
			lastOf[d.Target] = d.ID
		}
	}
	for t, r := range s.Releases {
		if t.Environment == env {
			needed[r.Deployment], needed[lastOf[t]] = true, true
		}
	}
	beyond := deployments[:max(0, len(deployments)-keep)]
	return slices.DeleteFunc(slices.Clone(beyond), func(d catalog.Deployment) bool { return needed[d.ID] })
}

// tell says what would go.
func (p *pruning) tell() {
	for _, c := range p.aside {
		p.tellContainer(c)
	}
	for _, d := range p.old {
		p.tellDeployment(d)
	}
}

func (p *pruning) tellContainer(c asideContainer) {
	p.pruned.Containers = append(p.pruned.Containers, PrunedContainer{
		Host: c.host.Endpoint, Container: c.Name, Target: plan.TargetOf(c.Container), Release: c.Labels[catalog.LabelRelease],
	})
}

func (p *pruning) tellDeployment(d catalog.Deployment) {
	p.pruned.Deployments = append(p.pruned.Deployments, PrunedDeployment{ID: d.ID, Environment: d.Environment, Release: d.Release, State: d.State})
}

// removeContainers removes what was put aside or kept. A container that has been started
// since is refused by its host and stays.
func (p *pruning) removeContainers(ctx context.Context) {
	for _, c := range p.aside {
		if err := ctx.Err(); err != nil {
			return // forget answers it
		}
		if err := c.host.Remove(ctx, c.ID); err != nil {
			p.pruned.Left = append(p.pruned.Left, fmt.Sprintf("%s on %s could not be removed: %s", c.Name, c.host.Endpoint, err))
			continue
		}
		p.tellContainer(c)
	}
}

// forget deletes the records of old deployments.
func (p *pruning) forget(ctx context.Context, session string) error {
	for _, d := range p.old {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := p.opt.Store.DeleteDeployment(ctx, d, session)
		switch {
		case errors.Is(err, catalog.ErrChanged):
			p.pruned.Left = append(p.pruned.Left, fmt.Sprintf("deployment %s was written meanwhile and stays", d.ID))
		case err != nil:
			return err
		default:
			p.tellDeployment(d)
		}
	}
	return nil
}
