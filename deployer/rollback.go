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
)

// Flipped is a flip that went through, or would.
type Flipped struct {
	Service string             `json:"service"`
	Alias   string             `json:"alias"`
	From    catalog.AliasValue `json:"from"`
	To      catalog.AliasValue `json:"to"`
	Release string             `json:"release,omitempty"` // what To holds, when it is one target
	Index   uint64             `json:"index"`
	Took    time.Duration      `json:"took_ns"`
	// Routers is how many routers were running; all have applied the flip unless
	// Notes says otherwise.
	Routers int      `json:"routers"`
	Notes   []string `json:"notes,omitempty"`
	// DryRun tells that nothing was done. Index is 0 then, unless the alias points
	// there already.
	DryRun bool `json:"dry_run,omitempty"`
}

// Rollback points an environment back at its standby colour. It needs no lock
// and nothing but Consul while the standby runs; a deployment under way notices
// that it was overtaken and gives way. A stopped standby is started and checked
// first. After a task that can't be taken back it takes force. What keeps it from
// going back is a *Failure with the outcome catalog.RollbackFailed; where nobody could
// tell whether it went back, the error is none.
func (d *Deployer) Rollback(ctx context.Context, service, environment string, force bool) (Flipped, error) {
	d = d.byHand()
	s, err := d.opt.Store.Service(ctx, service)
	if err != nil {
		return Flipped{}, fmt.Errorf("read service %s: %w", service, err)
	}
	return d.rollback(ctx, s, environment, force, d.lookBack(ctx, service, environment))
}

// rollback is Rollback of what has been read.
func (d *Deployer) rollback(ctx context.Context, s *catalog.Service, environment string, force bool, then past) (Flipped, error) {
	alias, standby, err := chooseStandby(s, environment)
	if err != nil {
		return Flipped{}, rollbackFailure(s.Name, alias, fmt.Errorf("roll %s in %s back: %w", s.Name, environment, err))
	}
	if !force {
		if err := d.mayRollBack(ctx, s, alias, then); err != nil {
			return Flipped{}, rollbackFailure(s.Name, alias, err)
		}
	}
	var missing error
	brought, _ := recordOf(then.all, s.Releases[standby].Deployment)
	want := brought.Instances() // 0 where nothing tells: then what passes is all there is to know
	stopped, short := !hasPassing(s, standby), len(s.Passing(standby)) < want
	switch {
	case stopped && d.opt.DryRun:
		return d.wouldRevive(ctx, s, alias, standby, then)
	case stopped:
		after, failed, err := d.revive(ctx, s, standby, then)
		if err != nil {
			return Flipped{}, rollbackFailure(s.Name, alias, err)
		}
		s, missing = after, failed
	case short:
		s, missing = d.reviveRest(ctx, s, standby, brought)
	}
	done, err := d.flipTo(ctx, s, alias, catalog.PointTo(standby))
	if errors.Is(err, errUnknownOutcome) {
		return Flipped{}, fmt.Errorf("roll %s in %s back: %w", s.Name, environment, err)
	}
	if err != nil {
		return Flipped{}, rollbackFailure(s.Name, alias, err)
	}
	if missing != nil || short {
		done.Notes = append(done.Notes, missingOf(s, standby, want, missing)...)
	}
	d.announceRollback(ctx, s, s.Releases[standby].Deployment, &done)
	return done, nil
}

// past are the deployments of an environment as they were read, or why they were not.
type past struct {
	all []catalog.Deployment
	err error
}

// insistLookingBack is how long is insisted on the deployments where going back is
// possible without them.
const insistLookingBack = 2 * time.Second

// lookBack reads the deployments once, for all that a rollback wants to know of them.
func (d *Deployer) lookBack(ctx context.Context, service, environment string) past {
	brief := *d
	brief.opt.Insist = min(d.opt.Insist, insistLookingBack)
	all, err := brief.patiently().opt.Store.Deployments(ctx, service, environment)
	return past{all, err}
}

func rollbackFailure(service string, alias catalog.Alias, err error) error {
	f := &Failure{
		Stage: catalog.RollingBack, Outcome: catalog.RollbackFailed, BeforeFlip: true, Err: err,
		Reason: fmt.Sprintf("%s of %s was not rolled back and still points at %s: %s", alias.Name, service, orNothing(alias.Value), err),
	}
	var inner *Failure
	if errors.As(err, &inner) {
		f.Checks, f.Logs = inner.Checks, inner.Logs
		f.Reason = fmt.Sprintf("%s of %s was not rolled back and still points at %s: %s", alias.Name, service, orNothing(alias.Value), inner.Reason)
	}
	if errors.Is(err, catalog.ErrMoved) {
		f.Reason = fmt.Sprintf("somebody else moved %s of %s at the same moment; see what it points at now: %s", alias.Name, service, err)
	}
	return f
}

// mayRollBack is why going back takes force: the release that is live has done
// something that can't be taken back.
func (d *Deployer) mayRollBack(ctx context.Context, s *catalog.Service, alias catalog.Alias, then past) error {
	live, ok := alias.Value.Single()
	if !ok {
		return nil // a split: the old release serves beside the new one
	}
	if live.Environment != alias.Name { // somebody pointed it there by hand
		then = d.lookBack(ctx, s.Name, live.Environment)
	}
	for _, record := range then.all { // none if they can't be read: going back needs nothing but the alias
		names := irreversible(record)
		if record.ID == s.Releases[live].Deployment && len(names) > 0 {
			return fmt.Errorf("what %s did for release %s can't be taken back, so nobody knows whether the old release can live with it; to go back all the same, use --force", strings.Join(names, " and "), record.Release)
		}
	}
	return nil
}

// chooseStandby is the colour that a rollback of an environment goes to. It is
// pure.
func chooseStandby(s *catalog.Service, environment string) (catalog.Alias, catalog.Target, error) {
	alias, ok := s.Resolve(environment)
	if !ok {
		return alias, catalog.Target{}, fmt.Errorf("nothing was ever deployed there")
	}
	standby, err := alias.Value.Offline(environment)
	if err != nil {
		return alias, standby, err
	}
	if !slices.ContainsFunc(alias.Value.Live(), func(t catalog.Target) bool { return t.Colour != "" }) {
		return alias, standby, fmt.Errorf("it points at %s, which has no other colour to go back to; deploy the earlier release again", alias.Value)
	}
	release, recorded := s.Releases[standby]
	switch {
	case !recorded && !hasInstances(s, standby):
		return alias, standby, fmt.Errorf("there is nothing to go back to: %s holds no release; deploy the one you want", standby)
	case recorded && release.State == catalog.Staging:
		return alias, standby, fmt.Errorf("there is nothing to go back to: deployment %s is replacing what %s held; interrupt it and it puts the standby back", release.Deployment, standby)
	case recorded && release.State == catalog.Dirty:
		return alias, standby, fmt.Errorf("there is nothing to go back to: a deployment left %s half done; deploy the release you want", standby)
	}
	return alias, standby, nil
}

func hasInstances(s *catalog.Service, t catalog.Target) bool {
	return slices.ContainsFunc(s.Instances, func(i catalog.Instance) bool { return i.Target == t })
}

func hasPassing(s *catalog.Service, t catalog.Target) bool { return len(s.Passing(t)) > 0 }

// revive starts a stopped standby where its last deployment put it, and waits
// until it passes. missing is why not all of it does.
func (d *Deployer) revive(ctx context.Context, s *catalog.Service, standby catalog.Target, then past) (after *catalog.Service, missing, err error) {
	p, unreachable, err := d.standbyPlatform(ctx, s, standby, then)
	if err == nil {
		err = noneAnswers(p, standby, unreachable)
	}
	if err != nil {
		return nil, nil, err
	}
	want, _, failed := p.Revive(ctx, s.Name, standby, s.Releases[standby])
	missing = errors.Join(unreachable, failed)
	if want == 0 {
		return nil, nil, errors.Join(nothingToStart(standby), missing)
	}
	return d.awaitRevived(ctx, s.Name, standby, want, missing)
}

// noneAnswers is that no host is there to start a standby on.
func noneAnswers(p platform, standby catalog.Target, unreachable error) error {
	if used, _ := p.Places(); len(used) > 0 {
		return nil
	}
	return errors.Join(fmt.Errorf("%s has no passing instance and none of its hosts answers", standby), unreachable)
}

func nothingToStart(standby catalog.Target) error {
	return fmt.Errorf("%s has no passing instance and no container that could be started; deploy the release you want", standby)
}

// standbyPlatform is where the last deployment put a standby. A host that does not
// answer is left out: going back with fewer instances is better than not going
// back. unreachable tells of such hosts.
func (d *Deployer) standbyPlatform(ctx context.Context, s *catalog.Service, standby catalog.Target, then past) (p platform, unreachable, err error) {
	last, err := d.lastBrought(ctx, s.Name, standby, then)
	if err != nil {
		return nil, nil, err
	}
	p, unreachable = d.hosts().Recorded(ctx, last.Hosts)
	if unreachable != nil {
		d.tell(Event{Kind: Note, Service: s.Name, Text: fmt.Sprintf("some hosts of %s do not answer and are left out: %s", standby, unreachable)})
	}
	return p, unreachable, nil
}

// wouldRevive tells of a rollback to a standby that has to be started first.
func (d *Deployer) wouldRevive(ctx context.Context, s *catalog.Service, alias catalog.Alias, standby catalog.Target, then past) (Flipped, error) {
	p, unreachable, err := d.standbyPlatform(ctx, s, standby, then)
	if err == nil {
		err = noneAnswers(p, standby, unreachable)
	}
	if err != nil {
		return Flipped{}, rollbackFailure(s.Name, alias, err)
	}
	n, _, err := p.Resting(ctx, s.Name, standby, s.Releases[standby])
	if err == nil && n == 0 {
		err = nothingToStart(standby)
	}
	if err != nil {
		return Flipped{}, rollbackFailure(s.Name, alias, err)
	}
	used, _ := p.Places()
	f := handMove{service: s, from: alias, to: catalog.PointTo(standby)}.told()
	f.DryRun = true
	f.Notes = []string{fmt.Sprintf("no instance of %s passes; %d would be started on %s and checked first", standby, n, strings.Join(used, ", "))}
	return f, nil
}

// lastBrought is the last deployment that brought a release to a target. There is no
// way without it, so what could not be read is read again.
func (d *Deployer) lastBrought(ctx context.Context, service string, t catalog.Target, then past) (catalog.Deployment, error) {
	all, err := then.all, then.err
	if err != nil {
		all, err = d.opt.Store.Deployments(ctx, service, t.Environment)
	}
	if err != nil {
		return catalog.Deployment{}, fmt.Errorf("read the deployments of %s: %w", service, err)
	}
	for _, record := range slices.Backward(all) {
		if record.Target == t && (record.State == catalog.Succeeded || record.State == catalog.Draining || record.State == catalog.Baking) {
			return record, nil
		}
	}
	return catalog.Deployment{}, fmt.Errorf("%s has no passing instance, and no deployment tells where it ran; start it by hand or deploy the release you want", t)
}

// awaitRevived waits until the instances of a target pass that were started again.
// When the time for it is over, those that pass will do. missing is why there are
// not more.
func (d *Deployer) awaitRevived(ctx context.Context, service string, t catalog.Target, want int, missing error) (*catalog.Service, error, error) {
	deadline := d.opt.Now().Add(servicefile.DefaultTimeout)
	for {
		s, err := d.opt.Store.Service(ctx, service)
		late := d.opt.Now().After(deadline)
		switch {
		case err == nil && len(s.Passing(t)) >= want:
			return s, missing, nil
		case ctx.Err() != nil:
			return nil, nil, context.Cause(ctx)
		case late && err != nil:
			return nil, nil, fmt.Errorf("read service %s: %w", service, err)
		case late && hasPassing(s, t):
			return s, errors.Join(missing, fmt.Errorf("%d of %d pass %s after they were started again", len(s.Passing(t)), want, servicefile.DefaultTimeout)), nil
		case late:
			return nil, nil, &Failure{
				Reason: fmt.Sprintf("%d of %d instances of %s pass %s after it was started again", len(s.Passing(t)), want, t, servicefile.DefaultTimeout),
				Checks: failedChecks(instancesOf(s, t)),
			}
		}
		if err := d.pause(ctx); err != nil {
			return nil, nil, err
		}
	}
}

// missingOf says how many of the instances that there should be of a target do not
// pass, and why and where. It is pure.
func missingOf(s *catalog.Service, t catalog.Target, want int, missing error) []string {
	passing := s.Passing(t)
	switch {
	case want > 0 && len(passing) >= want:
		return nil // what was wrong keeps no instance from passing
	case want == 0 && missing == nil:
		return nil // nobody knows of any more
	}
	note := fmt.Sprintf("not all instances of %s could be started", t)
	if want > 0 {
		note = fmt.Sprintf("%d of %d instances of %s are missing", want-len(passing), want, t)
	}
	on := map[string]int{}
	for _, i := range passing {
		on[i.Node]++
	}
	var there []string
	for _, node := range slices.Sorted(maps.Keys(on)) {
		there = append(there, fmt.Sprintf("%d on %s", on[node], node))
	}
	note += " (passing: " + strings.Join(there, ", ") + ")"
	if missing != nil {
		note += ": " + strings.ReplaceAll(missing.Error(), "\n", "; ")
	}
	return []string{note}
}

func instancesOf(s *catalog.Service, t catalog.Target) []catalog.Instance {
	return slices.DeleteFunc(slices.Clone(s.Instances), func(i catalog.Instance) bool { return i.Target != t })
}
