package deployer

import (
	"context"
	"errors"
	"fmt"

	"teal/catalog"
	"teal/deployer/plan"
)

// ErrNothingToResume: no deployment is under way there.
var ErrNothingToResume = errors.New("no deployment is under way")

// Resume goes on with the deployment that awaited somebody's word, and finishes
// or reverts one whose deployer is gone. The service file must be the one that it
// was begun with. It answers as Deploy does.
func (d *Deployer) Resume(ctx context.Context, req Request) (catalog.Deployment, error) {
	d = d.patiently()
	r, err := d.newRun(ctx, req)
	if err != nil {
		return catalog.Deployment{}, err
	}
	g := &group{Deployer: d, runs: []*run{r}}
	if err := r.standing(ctx); err != nil {
		return catalog.Deployment{}, err
	}
	defer g.allHeard()
	ctx, release, err := g.lockAll(ctx)
	defer release()
	if err != nil {
		return r.record, err
	}
	ctx, ended := g.heedAll(ctx)
	defer ended()
	err = g.resume(ctx)
	return r.record, err
}

// standing finds the deployment that stands still.
func (r *run) standing(ctx context.Context) error {
	found, ok, err := r.underWay(ctx, r.spec.Service, r.env.Name)
	if err == nil && !ok {
		err = fmt.Errorf("resume %s in %s: %w; see `teal history %s %s`", r.spec.Service, r.env.Name, ErrNothingToResume, r.spec.Service, r.env.Name)
	}
	r.record = found
	return err
}

// resume decides by the state that the deployment was left in, read again now that
// nobody else can change it.
func (g *group) resume(ctx context.Context) error {
	r := g.runs[0]
	found, ok, err := r.underWay(ctx, r.spec.Service, r.env.Name)
	if err != nil {
		return err
	}
	if !ok || found.ID != r.record.ID {
		return fmt.Errorf("resume %s in %s: %w any more; see `teal history %s %s`", r.spec.Service, r.env.Name, ErrNothingToResume, r.spec.Service, r.env.Name)
	}
	r.record = found
	switch found.State {
	case catalog.AwaitingApproval:
		return g.resumeApproval(ctx)
	case catalog.Draining, catalog.Baking:
		if r.request.Spec.Digest() != found.Spec {
			r.withoutBake(found)
		}
		if err := r.adopt(ctx); err != nil {
			return err
		}
		return g.conclude(ctx)
	}
	return r.resumeByEnding(ctx)
}

// withoutBake leaves the watch out: this file is not the one that says what to look
// for.
func (r *run) withoutBake(found catalog.Deployment) {
	spec := *r.spec
	spec.Bake = nil
	r.spec = &spec
	r.note("deployment %s was begun with another service file than %s is now, so it is finished without being watched", found.ID, r.spec.Path)
}

// resumeByEnding reverts what a dead deployer left before the flip: it can't be
// told how far it was.
func (r *run) resumeByEnding(ctx context.Context) error {
	end := ending{
		state: catalog.Failed, reason: fmt.Sprintf("its deployer died while %s", r.record.State),
		note: "reverted by `teal resume`", undo: r.undoDead,
	}
	stage := r.record.State
	settled, err := r.settle(ctx, r.record, r.lock.session, end)
	if err != nil {
		return err
	}
	r.record = settled
	r.announce(ctx)
	return &Failure{
		Stage: stage, Outcome: settled.State, Service: r.record.Service, Deployment: r.record.ID, BeforeFlip: settled.State != catalog.RolledBack,
		Reason: fmt.Sprintf("deployment %s: %s, before its flip was through, and is reverted; deploy again", r.record.ID, end.reason),
	}
}

func (g *group) resumeApproval(ctx context.Context) error {
	r := g.runs[0]
	if err := r.stillItself(); err != nil {
		return err
	}
	if err := r.adopt(ctx); errors.Is(err, catalog.ErrMoved) {
		return r.fail(ctx, err)
	} else if err != nil {
		return err
	}
	if err := r.awaitApproval(ctx); err != nil {
		return r.end(ctx, err)
	}
	return g.goLive(ctx)
}

// stillItself is that a deployment which awaited somebody's word can't go on from
// this file, or alone, or nil.
func (r *run) stillItself() error {
	if digest := r.request.Spec.Digest(); digest != r.record.Spec {
		way := "check out commit " + orNone(r.record.Revision)
		if r.spec.ReleaseID(r.request.Release, r.request.Revision) != r.record.Release {
			way += fmt.Sprintf(", say --release %s if it was deployed with that", r.record.Release)
		}
		return fmt.Errorf("deployment %s was begun with another service file than %s is now; %s, or deploy again", r.record.ID, r.spec.Path, way)
	}
	if len(r.record.Together) > 0 {
		return fmt.Errorf("deployment %s goes together with that of %v, whose deployer is gone; deploy them again", r.record.ID, r.record.Together)
	}
	return nil
}

// leftAt is the alias as the deployment's flip has left it; its index is 0 when
// somebody else has flipped it since. It is pure.
func leftAt(s *catalog.Service, record catalog.Deployment) catalog.Alias {
	left := catalog.Alias{Name: record.Environment, Value: catalog.PointTo(record.Target)}
	if flip := s.Flips[record.Environment]; flip.Deployment == record.ID {
		left.Index = flip.Index
	}
	return left
}

// adopt takes up the deployment where another process left it.
func (r *run) adopt(ctx context.Context) error {
	service, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return fmt.Errorf("read service %s: %w", r.record.Service, err)
	}
	r.env.Hosts = r.record.Hosts
	there, err := r.hosts().Platform(r.env, r.record.Missed...)
	if err != nil {
		return err
	}
	r.platform = there
	r.service, r.alias = service, service.Aliases[r.env.Name]
	r.alias.Name = r.env.Name
	before := r.record.State == catalog.AwaitingApproval
	if !before && r.record.Target.Colour != "" {
		r.alias = leftAt(service, r.record)
		r.index = r.alias.Index
	}
	if before && r.alias.Value.String() != r.record.Previous.String() {
		return fmt.Errorf("%s points at %s by now: %w", r.env.Name, orNothing(r.alias.Value), catalog.ErrMoved)
	}
	r.plan = plan.Of(r.spec, r.env, plan.Placement{
		Target: r.record.Target, Release: r.record.Release, Revision: r.record.Revision,
		Deployment: r.record.ID, Images: r.record.Images,
	})
	r.entered("")
	return nil
}
