package deployer

import (
	"context"
	"errors"
	"fmt"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// Continue is Deploy, unless the deployment that awaits somebody's word there is of
// the same service file, release and images: then it goes on with that one, as
// Resume does, or waits on. One that was to be aborted when nobody approved it in
// time, or whose alias was moved since, is not gone on with.
func (d *Deployer) Continue(ctx context.Context, req Request) (catalog.Deployment, error) {
	r, err := d.newRun(ctx, req)
	if err != nil {
		return catalog.Deployment{}, err
	}
	same, err := r.awaitsTheSame(ctx)
	switch {
	case err != nil:
		return catalog.Deployment{}, err
	case !same:
		return d.Deploy(ctx, req)
	}
	r.note("deployment %s of this very release awaits approval already and is gone on with", r.record.ID)
	record, err := d.Resume(ctx, req)
	if errors.Is(err, ErrNothingToResume) { // whoever ran it has ended it meanwhile
		return d.Deploy(ctx, req)
	}
	return record, err
}

// awaitsTheSame finds the deployment that is to be gone on with.
func (r *run) awaitsTheSame(ctx context.Context) (bool, error) {
	found, ok, err := r.underWay(ctx, r.spec.Service, r.env.Name)
	if err != nil || !ok || !sameDeployment(found, r.record) {
		return false, err
	}
	pins, err := r.pin(ctx)
	if err != nil || !sameImages(r.spec.Parts, found.Images, pins) {
		return false, nil // the deployment that is tried then says what is wrong
	}
	r.record = found
	act, err := r.wouldGoOn(ctx)
	return act == ResumeGoesLive || act == ResumeWaits, err
}

// sameDeployment tells whether a deployment awaits somebody's word that was begun,
// alone, from the file of another one and under the same name. It is pure.
func sameDeployment(found, wanted catalog.Deployment) bool {
	return found.State == catalog.AwaitingApproval && found.Spec == wanted.Spec && found.Release == wanted.Release && len(found.Together) == 0
}

// sameImages tells whether parts run what they would run now. What a part that is
// built here would run is not known without a pin, and counts as another image. It
// is pure.
func sameImages(parts []servicefile.Part, there, pins map[string]string) bool {
	for _, part := range parts {
		pin := pins[part.Name]
		if pin == "" && part.Build != nil || pin != "" && servicefile.ImageDigest(pin) != servicefile.ImageDigest(there[part.Name]) {
			return false
		}
	}
	return true
}

// gaveWay is why a deployment that awaited somebody's word ends: another one comes
// first, even if somebody has approved it. Where that can't be read, it is left out.
func (r *run) gaveWay(ctx context.Context, record catalog.Deployment) string {
	said, ok, err := r.opt.Store.Decision(ctx, record.Service, record.Environment, record.ID)
	if err == nil && ok && said.Verdict == catalog.Approve {
		return fmt.Sprintf("a later deployment took its place, although %s had approved release %s and nobody had resumed it yet", said.By, record.Release)
	}
	return "a later deployment took its place while it awaited approval"
}
