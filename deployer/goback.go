package deployer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"teal/catalog"
	"teal/deployer/servicefile"
	"teal/deployer/work"
)

// RollbackRequest is where to go back to.
type RollbackRequest struct {
	Service     string
	Environment string
	Release     string // empty for the standby's, or for the one before a repetition
	Force       bool   // even after a task that can't be taken back
	// WaitLock is how long to wait for somebody's deployment to end, where a kept
	// release has to be started; 0 for not at all.
	WaitLock time.Duration
}

// RollbackTo goes back to a release: at once to that of the standby, as Rollback
// does, or to an earlier one that the hosts have kept. Where the very same was
// deployed twice, the standby is nothing to go back to, and the one before is meant.
// One that is kept is made again in
// the offline colour from what its containers were made from, on the hosts that
// have it, and goes the way of a deployment, with its lock, its checks and its
// record, but for pulling, gates and tasks. catalog.ErrLocked tells that somebody
// is deploying; whatever else keeps it from going back is a *Failure with the
// outcome catalog.RollbackFailed.
func (d *Deployer) RollbackTo(ctx context.Context, req RollbackRequest) (Flipped, error) {
	hand := d.byHand()
	s, err := hand.opt.Store.Service(ctx, req.Service)
	if err != nil {
		return Flipped{}, fmt.Errorf("read service %s: %w", req.Service, err)
	}
	alias, standby, _ := chooseStandby(s, req.Environment)
	if req.Release == "" {
		then := hand.lookBack(ctx, s.Name, req.Environment)
		if req.Release = beforeRepetition(s, alias, standby, then); req.Release == "" {
			return hand.rollback(ctx, s, req.Environment, req.Force, then)
		}
		d.tell(Event{Kind: Note, Service: s.Name, Text: fmt.Sprintf("%s holds the very release that is live, as it was deployed twice; going back to %s; to the other copy leads `teal flip %s %s %s`", standby, req.Release, s.Name, alias.Name, standby)})
	}
	if atHand(s, req.Environment, req.Release) {
		return d.flipBackTo(ctx, s, req)
	}
	return d.goBackTo(ctx, alias, req)
}

// errAtHand: the release to go back to is live or standby, since what dead deployers
// left is settled.
var errAtHand = errors.New("a flip leads to it")

// atHand tells whether a release is live in an environment, or that of its standby.
// It is pure.
func atHand(s *catalog.Service, environment, release string) bool {
	alias, standby, err := chooseStandby(s, environment)
	live, ok := alias.Value.Single()
	return ok && s.Releases[live].ID == release || err == nil && s.Releases[standby].ID == release
}

// flipBackTo goes back to a release that is at hand.
func (d *Deployer) flipBackTo(ctx context.Context, s *catalog.Service, req RollbackRequest) (Flipped, error) {
	alias, _ := s.Resolve(req.Environment)
	if live, ok := alias.Value.Single(); ok && s.Releases[live].ID == req.Release {
		return Flipped{
			Service: s.Name, Alias: alias.Name, From: alias.Value, To: alias.Value, Release: req.Release, Index: alias.Index, DryRun: d.opt.DryRun,
			Notes: []string{fmt.Sprintf("release %s is live already", req.Release)},
		}, nil
	}
	return d.Rollback(ctx, req.Service, req.Environment, req.Force)
}

// goBackTo goes back to a release that is neither live nor standby.
func (d *Deployer) goBackTo(ctx context.Context, alias catalog.Alias, req RollbackRequest) (Flipped, error) {
	began := d.opt.Now()
	d = d.patiently()
	r, err := d.returning(ctx, req)
	if err != nil {
		return Flipped{}, rollbackFailure(req.Service, alias, err)
	}
	if d.opt.DryRun {
		return r.wouldReturn(ctx, alias, req)
	}
	g := &group{Deployer: d, runs: []*run{r}}
	defer g.allHeard()
	ctx, release, err := g.lockAll(ctx)
	defer release()
	if err != nil {
		return Flipped{}, err
	}
	ctx, ended := g.heedAll(ctx)
	defer ended()
	switch err := g.goBack(ctx, req.Force); {
	case errors.Is(err, errAtHand):
		return d.flipBackTo(ctx, r.service, req)
	case err != nil:
		return Flipped{}, notGoneBack(err)
	}
	done := r.gone(ctx, began)
	r.announceRollback(ctx, r.service, r.record.ID, &done)
	return done, nil
}

// returning is the run of a rollback. What it brings is not known yet.
func (d *Deployer) returning(ctx context.Context, req RollbackRequest) (*run, error) {
	all, err := d.opt.Store.Deployments(ctx, req.Service, req.Environment)
	if err != nil {
		return nil, fmt.Errorf("read the deployments of %s: %w", req.Service, err)
	}
	p, unreachable := d.hosts().Recorded(ctx, recordedHosts(all))
	r := &run{
		Deployer: d, platform: p, spec: &servicefile.Spec{Service: req.Service}, env: servicefile.Environment{Name: req.Environment},
		request: Request{Environment: req.Environment, Release: req.Release, WaitLock: req.WaitLock},
	}
	now := d.opt.Now()
	r.record = catalog.Deployment{
		ID: catalog.NewDeploymentID(now), Service: req.Service, Environment: req.Environment, Release: req.Release, By: d.opt.By,
	}.Enter(catalog.Pending, now, "")
	if used, _ := p.Places(); len(used) == 0 {
		return nil, errors.Join(fmt.Errorf("no host that release %s could be kept on answers", req.Release), unreachable)
	}
	if unreachable != nil {
		r.note("some hosts do not answer and are left out: %s", unreachable)
	}
	return r, nil
}

// goBack goes from the first state to the last.
func (g *group) goBack(ctx context.Context, force bool) error {
	r := g.runs[0]
	if err := r.beginReturn(ctx, force); errors.Is(err, errAtHand) {
		return err
	} else if err != nil {
		return r.notBegun(ctx, err)
	}
	err := r.prepare(ctx, []step{
		{catalog.Locked, r.preflight},
		{catalog.Starting, r.stage},
		{catalog.Checking, r.check},
	})
	if err != nil {
		return r.end(ctx, err)
	}
	return g.goLive(ctx)
}

// beginReturn settles what dead deployers left, which may bring the release back that
// is asked for, and finds what is to come up.
func (r *run) beginReturn(ctx context.Context, force bool) error {
	if err := r.settleLeftovers(ctx, r.lock.session); err != nil {
		return fmt.Errorf("look for what earlier deployments of %s to %s left: %w", r.record.Service, r.env.Name, err)
	}
	service, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return fmt.Errorf("read service %s: %w", r.record.Service, err)
	}
	if r.service = service; atHand(service, r.env.Name, r.record.Release) {
		return errAtHand
	}
	return r.find(ctx, force)
}

// wouldReturn tells what a rollback to a kept release would do.
func (r *run) wouldReturn(ctx context.Context, alias catalog.Alias, req RollbackRequest) (Flipped, error) {
	lock, err := r.LockStatus(ctx, req.Service, req.Environment)
	if err != nil {
		return Flipped{}, err
	}
	if lock.Alive {
		return Flipped{}, fmt.Errorf("%w by %s; wait for that deployment to end", catalog.ErrLocked, lock.Holder)
	}
	if err = r.find(ctx, req.Force); err == nil {
		err = r.platform.Preflight(ctx, r.work())
	}
	if err != nil {
		return Flipped{}, rollbackFailure(req.Service, alias, err)
	}
	return Flipped{
		Service: r.record.Service, Alias: r.env.Name, From: r.record.Previous, To: catalog.PointTo(r.record.Target),
		Release: r.record.Release, DryRun: true,
		Notes: []string{fmt.Sprintf("what %s holds would make way for it on %s", r.record.Target, strings.Join(r.record.Hosts, ", "))},
	}, nil
}

// find finds what is to come up, and where. It changes nothing.
func (r *run) find(ctx context.Context, force bool) error {
	name, env := r.record.Service, r.env.Name
	service, err := r.opt.Store.Service(ctx, name)
	if err != nil {
		return fmt.Errorf("read service %s: %w", name, err)
	}
	alias, ok := service.Resolve(env)
	if !ok {
		return fmt.Errorf("roll %s in %s back: nothing was ever deployed there", name, env)
	}
	r.env.Coloured = slices.ContainsFunc(alias.Value.Live(), func(t catalog.Target) bool { return t.Colour != "" })
	if r.record.Target, r.alias, err = chooseTarget(service, r.env); err != nil {
		return fmt.Errorf("choose the offline colour of %s: %w", name, err)
	}
	r.service, r.record.Previous = service, alias.Value
	if old, ok := service.Releases[r.record.Target]; ok {
		r.record.Replaces = &old
	}
	found, err := r.platform.Recall(ctx, r.record)
	if err != nil {
		return err
	}
	return r.take(ctx, found, force)
}

// take makes what was found the run's own.
func (r *run) take(ctx context.Context, found work.Recalled, force bool) error {
	all, err := r.opt.Store.Deployments(ctx, r.record.Service, r.env.Name)
	if err != nil {
		return fmt.Errorf("read the deployments of %s: %w", r.record.Service, err)
	}
	if names := irreversibleSince(all, found.Source); len(names) > 0 && !force {
		return fmt.Errorf("what %s did since can't be taken back, so nobody knows whether release %s can live with it; to go back all the same, use --force", strings.Join(names, " and "), r.record.Release)
	}
	r.spec, r.plan = found.Spec, found.Plan
	r.env.Replicas, r.env.Weights = found.Replicas, found.Weights
	r.env.Hosts, _ = r.platform.Places()
	r.record.RolledBackTo, r.record.Revision, r.record.Images = found.Source, found.Revision, found.Images()
	r.record.Keep = keepOf(all)
	if n := slices.IndexFunc(all, func(d catalog.Deployment) bool { return d.ID == found.Source }); n >= 0 {
		source := all[n]
		r.record.Spec, r.record.Committed, r.record.Notify = source.Spec, source.Committed, source.Notify
		if len(source.Images) > 0 {
			r.record.Images = source.Images
		}
	}
	r.record.Containers = r.plan.Recorded(r.env)
	r.record.Hosts, r.record.Missed = r.platform.Places()
	return nil
}

// keepOf is how many releases an environment keeps, as its newest deployment that
// says so has it. It is pure.
func keepOf(deployments []catalog.Deployment) int {
	for _, d := range slices.Backward(deployments) {
		if d.Keep > 0 {
			return d.Keep
		}
	}
	return servicefile.DefaultKeep
}

// irreversibleSince are the tasks that later deployments have begun and that
// can't be undone. It is pure.
func irreversibleSince(deployments []catalog.Deployment, source string) []string {
	var names []string
	for _, d := range deployments {
		if d.ID > source {
			names = append(names, irreversible(d)...)
		}
	}
	return names
}

// gone tells of a rollback that came through.
func (r *run) gone(ctx context.Context, began time.Time) Flipped {
	done := Flipped{
		Service: r.record.Service, Alias: r.env.Name, From: r.record.Previous, To: catalog.PointTo(r.record.Target),
		Release: r.record.Release, Index: r.index, Took: r.opt.Now().Sub(began),
	}
	if routers, err := r.opt.Store.Routers(ctx); err == nil {
		done.Routers = len(routers)
	}
	if last := r.record.Timeline[len(r.record.Timeline)-1]; last.Note != "" {
		done.Notes = []string{last.Note}
	}
	return done
}

// notGoneBack is the error of a rollback whose release is not live in the end,
// whatever its record says.
func notGoneBack(err error) error {
	var f *Failure
	if errors.As(err, &f) && (f.BeforeFlip || f.Outcome == catalog.RolledBack) {
		f.Outcome = catalog.RollbackFailed
	}
	return err
}

// beforeRepetition is the release to go back to where the standby holds what is
// live; empty where it holds something else, where there is no other, or where the
// deployments can't be read, as going back to the standby needs none. It is pure.
func beforeRepetition(s *catalog.Service, alias catalog.Alias, standby catalog.Target, then past) string {
	live, ok := alias.Value.Single()
	if !ok {
		return ""
	}
	return releaseBefore(then.all, s.Releases[live].Deployment, s.Releases[standby].Deployment)
}

// releaseBefore is what there was before two deployments brought the same; empty
// where they did not, or where nothing tells. A release that somebody went back from
// is not what there was before: what a deployment took the place of is. It is pure.
func releaseBefore(all []catalog.Deployment, live, standby string) string {
	of := func(id string) catalog.Deployment {
		n := slices.IndexFunc(all, func(d catalog.Deployment) bool { return d.ID == id })
		if n < 0 {
			return catalog.Deployment{}
		}
		return all[n]
	}
	now := of(live)
	if !sameBrought(now, of(standby)) {
		return ""
	}
	for _, from := range []string{max(live, standby), min(live, standby)} {
		for d := of(from); d.Replaces != nil; d = of(d.Replaces.Deployment) {
			if d.Replaces.ID != now.Release {
				return d.Replaces.ID
			}
		}
	}
	return ""
}

// sameBrought tells whether two deployments are known to have brought the same.
func sameBrought(a, b catalog.Deployment) bool {
	return a.ID != "" && b.ID != "" && a.Spec != "" && a.Spec == b.Spec && a.Release == b.Release && maps.Equal(a.Images, b.Images)
}
