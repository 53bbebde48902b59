package deployer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"teal/catalog"
)

// staged tells whether a deployment in this state may have touched containers.
func staged(s catalog.DeploymentState) bool {
	switch s {
	case catalog.Starting, catalog.Checking, catalog.Testing, catalog.Flipping:
		return true
	}
	return false
}

// revert takes back what a deployment that did not flip has done: its
// containers go, those it put aside come back, and so does the record of the
// release. It does all it can and answers what it could not do, with missing:
// why some hosts are not among those given.
func (d *Deployer) revert(ctx context.Context, hosts []host, record catalog.Deployment, session string, missing error) error {
	if !staged(record.State) {
		return missing
	}
	service, err := d.opt.Store.Service(ctx, record.Service)
	if err != nil {
		return fmt.Errorf("read service %s: %w", record.Service, err)
	}
	live := record.Target.Colour != "" && service.Aliases[record.Environment].Value.Sends(record.Target)
	if live {
		if err := nothingStarted(ctx, hosts, record); err != nil {
			return err
		}
	}
	err = errors.Join(missing, onEveryHost(ctx, hosts, func(ctx context.Context, h host) error {
		return restore(ctx, h, record)
	}))
	return errors.Join(err, d.restoreRelease(ctx, record, session, err == nil, live))
}

// nothingStarted refuses to revert a deployment whose containers somebody has
// pointed the alias at by hand. What is live is never stopped.
func nothingStarted(ctx context.Context, hosts []host, record catalog.Deployment) error {
	return onEveryHost(ctx, hosts, func(ctx context.Context, h host) error {
		cs, err := listTarget(ctx, h, record.Service, record.Target)
		if err != nil {
			return err
		}
		for _, c := range cs {
			if c.Labels[catalog.LabelDeployment] == record.ID {
				return fmt.Errorf("%s points at %s by now, so %s was left running; flip back and deploy again", record.Environment, record.Target, c.Name)
			}
		}
		return nil
	})
}

func restore(ctx context.Context, h host, record catalog.Deployment) error {
	cs, err := listTarget(ctx, h, record.Service, record.Target)
	if err != nil {
		return err
	}
	var previous []catalog.Container
	left := 0
	for _, c := range cs {
		switch {
		case c.Labels[catalog.LabelDeployment] == record.ID:
			if err := discard(ctx, h, c); err != nil {
				return err
			}
		case strings.HasSuffix(c.Name, previousSuffix):
			previous = append(previous, c)
		default:
			left++ // it was not reached yet when the deployment ended
		}
	}
	if left+len(previous) == 0 {
		return h.RemoveNetwork(ctx, baseName(record.Service, record.Target))
	}
	for _, c := range previous {
		if err := bringBack(ctx, h, c); err != nil {
			return err
		}
	}
	return restart(ctx, h, cs, record.ID)
}

func bringBack(ctx context.Context, h host, c catalog.Container) error {
	name := strings.TrimSuffix(c.Name, previousSuffix)
	if err := h.Rename(ctx, c.ID, name); err != nil {
		return fmt.Errorf("name %s %s again: %w", c.Name, name, err)
	}
	return nil
}

// restart starts the containers of a target that are stopped, but for those of
// one deployment and those that run once.
func restart(ctx context.Context, h host, cs []catalog.Container, except string) error {
	for _, c := range cs {
		if c.Running || c.Labels[catalog.LabelDeployment] == except || c.Labels[catalog.LabelOnce] == "true" {
			continue
		}
		if err := h.Start(ctx, c.ID); err != nil {
			return fmt.Errorf("start %s again: %w", c.Name, err)
		}
	}
	return nil
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

// settleLeftovers ends the deployments that were never ended. We hold the lock,
// so whoever ran them is gone.
func (d *Deployer) settleLeftovers(ctx context.Context, service, environment, session string) error {
	all, err := d.opt.Store.Deployments(ctx, service, environment)
	if err != nil {
		return err
	}
	for _, record := range all {
		if record.State.Ended() {
			continue
		}
		if err := d.settle(ctx, record, session); err != nil {
			return fmt.Errorf("settle deployment %s: %w", record.ID, err)
		}
	}
	return nil
}

func (d *Deployer) settle(ctx context.Context, record catalog.Deployment, session string) error {
	service, err := d.opt.Store.Service(ctx, record.Service)
	if err != nil {
		return err
	}
	died := fmt.Sprintf("its deployer died while %s", record.State)
	hosts, unreachable := d.reach(ctx, record.Hosts)
	var next catalog.Deployment
	// The state after the flip is written in the flip's own transaction.
	if record.State == catalog.Draining || flippedBy(service, record.Environment, record) {
		unreachable = errors.Join(unreachable, d.removePrevious(ctx, hosts, record))
		next = record.Enter(catalog.Succeeded, d.opt.Now(), died+"; finished by the next run")
	} else {
		unreachable = d.revert(ctx, hosts, record, session, unreachable)
		next = record.Enter(catalog.Failed, d.opt.Now(), "reverted by the next run")
		next.Reason = died
	}
	text := fmt.Sprintf("deployment %s: %s; it is now %s", record.ID, died, next.State)
	if unreachable != nil {
		text += fmt.Sprintf(", as far as its hosts could be reached: %s", unreachable)
	}
	d.tell(Event{Kind: Note, State: catalog.Pending, Text: text})
	d.opt.Logger.Warn("settled a deployment whose deployer died", "deployment", record.ID, "was", record.State, "is", next.State, "error", unreachable)
	return d.opt.Store.PutDeployment(ctx, next, session)
}

// reach connects to those of the endpoints that answer, and tells of the others.
func (d *Deployer) reach(ctx context.Context, endpoints []string) (reached []host, unreachable error) {
	for _, endpoint := range endpoints {
		hosts, err := d.connect([]string{endpoint})
		if err == nil {
			err = hosts[0].Ping(ctx)
		}
		if err != nil {
			unreachable = errors.Join(unreachable, fmt.Errorf("host %s: %w", endpoint, err))
			continue
		}
		reached = append(reached, hosts...)
	}
	return reached, unreachable
}
