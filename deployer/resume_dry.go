package deployer

import (
	"context"
	"fmt"

	"teal/catalog"
)

// ResumeAct is what Resume does with a deployment that stands still.
type ResumeAct string

// What becomes of it: its flip, as somebody has approved; nothing yet, as nobody
// has; its end as the live release; or the way back.
const (
	ResumeGoesLive ResumeAct = "go-live"
	ResumeWaits    ResumeAct = "wait"
	ResumeFinishes ResumeAct = "finish"
	ResumePutsBack ResumeAct = "put-back"
)

// Resumption is what Resume would do.
type Resumption struct {
	Service     string                  `json:"service"`
	Environment string                  `json:"environment"`
	Deployment  string                  `json:"deployment"`
	Release     string                  `json:"release"`
	State       catalog.DeploymentState `json:"state"`
	Would       ResumeAct               `json:"would"`
	DryRun      bool                    `json:"dry_run"`
}

// WouldResume looks at what Resume looks at first, says what it would do, and does
// nothing. Its errors are those of Resume: ErrNothingToResume, or catalog.ErrLocked
// while the deployment's deployer lives.
func (d *Deployer) WouldResume(ctx context.Context, req Request) (Resumption, error) {
	r, err := d.newRun(ctx, req)
	if err != nil {
		return Resumption{}, err
	}
	if err := r.standing(ctx); err != nil {
		return Resumption{}, err
	}
	lock, err := d.LockStatus(ctx, r.spec.Service, r.env.Name)
	if err != nil {
		return Resumption{}, err
	}
	if lock.Alive {
		return Resumption{}, fmt.Errorf("deployment %s is under way: %w by %s", r.record.ID, catalog.ErrLocked, lock.Holder)
	}
	act, err := r.wouldResume(ctx)
	return Resumption{
		Service: r.spec.Service, Environment: r.env.Name, Deployment: r.record.ID, Release: r.record.Release,
		State: r.record.State, Would: act, DryRun: true,
	}, err
}

func (r *run) wouldResume(ctx context.Context) (ResumeAct, error) {
	switch r.record.State {
	case catalog.AwaitingApproval:
		return r.wouldGoOn(ctx)
	case catalog.Draining, catalog.Baking:
		if gone, err := r.leftByHand(ctx, r.record); err != nil {
			return "", err
		} else if gone {
			return ResumePutsBack, nil
		}
		return ResumeFinishes, nil
	}
	return ResumePutsBack, nil
}

// wouldGoOn is for a deployment that awaited somebody's word.
func (r *run) wouldGoOn(ctx context.Context) (ResumeAct, error) {
	if err := r.stillItself(); err != nil {
		return "", err
	}
	service, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return "", fmt.Errorf("read service %s: %w", r.record.Service, err)
	}
	if now := service.Aliases[r.env.Name].Value; now.String() != r.record.Previous.String() {
		return ResumePutsBack, nil
	}
	said, err := r.verdict(ctx)
	if err != nil {
		return "", fmt.Errorf("read what was said of deployment %s: %w", r.record.ID, err)
	}
	switch said.Verdict {
	case catalog.Approve:
		return ResumeGoesLive, nil
	case catalog.Abort:
		return ResumePutsBack, nil
	}
	return ResumeWaits, nil
}
