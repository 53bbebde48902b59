package deployer

import (
	"context"
	"errors"
	"fmt"

	"teal/catalog"
)

// staged tells whether a deployment in this state may have touched containers.
func staged(s catalog.DeploymentState) bool {
	switch s {
	case catalog.Starting, catalog.Checking, catalog.Testing, catalog.AwaitingApproval, catalog.Flipping,
		catalog.Draining, catalog.Baking, catalog.RollingBack:
		return true
	}
	return false
}

// errUnmarked: what a target holds could not be recorded, so the deployment that
// was to be reverted must not be recorded as ended. The next one tries again.
var errUnmarked = errors.New("what is there could not be recorded; the next deployment tries again")

// revert takes back what a deployment that is not live has done: its containers
// go, those it put aside come back, and so do the record of the release and what the
// service said about itself. It does all it can and answers what it could not do,
// with missing: why some places are not among those given.
func (d *Deployer) revert(ctx context.Context, p platform, record catalog.Deployment, session string, missing error) error {
	if !staged(record.State) {
		return missing
	}
	service, err := d.opt.Store.Service(ctx, record.Service)
	if err != nil {
		return fmt.Errorf("%w: read service %s: %w", errUnmarked, record.Service, err)
	}
	live := record.Target.Colour != "" && isLive(service, record.Target)
	if live {
		if err := errors.Join(missing, nothingStarted(ctx, p, record)); err != nil {
			return err
		}
	}
	undeclared := d.undeclare(ctx, record)
	err = errors.Join(missing, p.Restore(ctx, record))
	if unmarked := errors.Join(undeclared, d.restoreRelease(context.WithoutCancel(ctx), record, session, err == nil, live)); unmarked != nil {
		return errors.Join(err, fmt.Errorf("%w: %w", errUnmarked, unmarked))
	}
	return err
}

// nothingStarted refuses to revert a deployment whose containers somebody has
// pointed the alias at by hand. What is live is never stopped.
func nothingStarted(ctx context.Context, p platform, record catalog.Deployment) error {
	name, err := p.Holds(ctx, record)
	if name != "" {
		return fmt.Errorf("%s points at %s by now, so %s was left running; flip back and deploy again", record.Environment, record.Target, name)
	}
	return err
}

// restoreRelease puts the record of what the target holds back, or marks it
// dirty when not every container could be. A target that went live in the
// meantime, by a rollback that was faster, is ready.
func (d *Deployer) restoreRelease(ctx context.Context, record catalog.Deployment, session string, whole, live bool) error {
	old := record.Replaces
	if old == nil && whole {
		if err := d.opt.Store.DeleteRelease(ctx, record.Service, record.Target, session); err != nil {
			return fmt.Errorf("forget the release of %s: %w", record.Target, err)
		}
		return nil
	}
	if old == nil {
		old = &catalog.Release{ID: record.Release, Revision: record.Revision, Deployment: record.ID, At: d.opt.Now().UTC()}
	}
	back := *old
	switch {
	case !whole || back.State == catalog.Staging:
		back.State = catalog.Dirty
	case live:
		back.State = catalog.Ready
	}
	if err := d.opt.Store.PutRelease(ctx, record.Service, record.Target, back, session); err != nil {
		return fmt.Errorf("put the release of %s back: %w", record.Target, err)
	}
	return nil
}
