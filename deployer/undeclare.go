package deployer

import (
	"context"
	"fmt"

	"teal/catalog"
)

// recordDeclared records what is about to change of what the service says, so that
// whoever ends this deployment can take it back.
func (r *run) recordDeclared(ctx context.Context, before, after catalog.ServiceConfig) error {
	if same(before, after) {
		return nil
	}
	next, change := r.record, changeOf(before, after, r.env.Name)
	next.Declared = &change
	if err := r.keep(ctx, next); err != nil {
		return fmt.Errorf("record what the deployment declares: %w", err)
	}
	return nil
}

// sharedTexts are what a service says about itself in all of its environments.
var sharedTexts = []func(*catalog.ServiceConfig) *string{
	func(c *catalog.ServiceConfig) *string { return &c.Description },
	func(c *catalog.ServiceConfig) *string { return &c.Owner },
	func(c *catalog.ServiceConfig) *string { return &c.Source },
	func(c *catalog.ServiceConfig) *string { return &c.Docs },
}

// changeOf is what differs between two configurations of which an environment's
// deployment makes the one from the other: a page of the service's own, say, is long.
// It is pure.
func changeOf(before, after catalog.ServiceConfig, environment string) catalog.Declaration {
	var d catalog.Declaration
	for _, text := range sharedTexts {
		if *text(&before) != *text(&after) {
			*text(&d.Before), *text(&d.After) = *text(&before), *text(&after)
		}
	}
	if !sameTraffic(before.Traffic, after.Traffic) {
		d.Before.Traffic, d.After.Traffic = generalTraffic(before.Traffic), generalTraffic(after.Traffic)
	}
	if was, is := ownedBy(environment, before), ownedBy(environment, after); !sameOwned(was, is) {
		d.Before.Default, d.After.Default = before.Default, after.Default // what routes without an alias lead to
		d.Before, d.After = was.in(d.Before, environment), is.in(d.After, environment)
	}
	return d
}

// undeclare takes back what a deployment that is not live has declared: who is live
// has routes, limits and a description of its own.
func (d *Deployer) undeclare(ctx context.Context, record catalog.Deployment) error {
	if record.Declared == nil {
		return nil
	}
	shared, err := d.saidByOthers(ctx, record)
	if err != nil {
		return fmt.Errorf("put the configuration of %s back: %w", record.Service, err)
	}
	err = d.opt.Store.UpdateServiceConfig(ctx, record.Service, func(now catalog.ServiceConfig) catalog.ServiceConfig {
		next := undeclaredOwn(now, record.Environment, *record.Declared)
		if !shared {
			next = undeclaredShared(next, *record.Declared)
		}
		return next
	})
	if err != nil {
		return fmt.Errorf("put the configuration of %s back: %w", record.Service, err)
	}
	return nil
}

// saidByOthers tells whether another environment has been deployed to since a
// deployment began: what the service says in all of its environments is that one's
// then, also where both say the same.
func (d *Deployer) saidByOthers(ctx context.Context, record catalog.Deployment) (bool, error) {
	service, err := d.opt.Store.Service(ctx, record.Service)
	if err != nil {
		return false, fmt.Errorf("read service %s: %w", record.Service, err)
	}
	for target := range service.Releases {
		if target.Environment == record.Environment {
			continue
		}
		others, err := d.opt.Store.Deployments(ctx, record.Service, target.Environment)
		if err != nil {
			return false, fmt.Errorf("read the deployments of %s to %s: %w", record.Service, target.Environment, err)
		}
		for _, other := range others {
			if other.ID > record.ID && hasDeclared(other.State) {
				return true, nil
			}
		}
	}
	return false, nil
}

// hasDeclared tells whether a deployment in this state has written what it says of its
// service, and has not taken it back.
func hasDeclared(s catalog.DeploymentState) bool {
	switch s {
	case catalog.Flipping, catalog.Draining, catalog.Baking, catalog.Succeeded:
		return true
	}
	return false
}

// undeclaredShared is a configuration without what a deployment declared for all
// environments, but for what somebody has declared otherwise since. It is pure.
func undeclaredShared(now catalog.ServiceConfig, d catalog.Declaration) catalog.ServiceConfig {
	next := now
	for _, text := range sharedTexts {
		if was, is := *text(&d.Before), *text(&d.After); was != is && *text(&now) == is {
			*text(&next) = was
		}
	}
	if !sameTraffic(d.Before.Traffic, d.After.Traffic) && sameTraffic(now.Traffic, d.After.Traffic) {
		next.Traffic = generalTraffic(d.Before.Traffic)
		next.TCP, next.Preview = now.TCP, now.Preview
	}
	return next
}

// undeclaredOwn is the same for what leads to the environment's alias. It is pure.
func undeclaredOwn(now catalog.ServiceConfig, environment string, d catalog.Declaration) catalog.ServiceConfig {
	was, is := ownedBy(environment, d.Before), ownedBy(environment, d.After)
	if sameOwned(was, is) || !sameOwned(ownedBy(environment, now), is) {
		return now
	}
	return was.in(now, environment)
}

// same compares configurations as they are written: one of them may have been read.
func same(a, b catalog.ServiceConfig) bool { return string(a.Encode()) == string(b.Encode()) }

func sameOwned(a, b owned) bool { return same(a.alone(), b.alone()) }
