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
	next := r.record
	next.Declared = &catalog.Declaration{Before: before, After: after}
	if err := r.opt.Store.PutDeployment(ctx, next, r.lock.session); err != nil {
		return fmt.Errorf("record what the deployment declares: %w", err)
	}
	r.record = next
	return nil
}

// undeclare takes back what a deployment that is not live has declared: who is live
// has routes, limits and a description of its own.
func (d *Deployer) undeclare(ctx context.Context, record catalog.Deployment) error {
	if record.Declared == nil {
		return nil
	}
	err := d.opt.Store.UpdateServiceConfig(ctx, record.Service, func(now catalog.ServiceConfig) catalog.ServiceConfig {
		return undeclared(now, record.Environment, *record.Declared)
	})
	if err != nil {
		return fmt.Errorf("put the configuration of %s back: %w", record.Service, err)
	}
	return nil
}

// undeclared is a configuration without what an environment's deployment declared,
// but for what somebody else has declared since. It is pure.
func undeclared(now catalog.ServiceConfig, environment string, d catalog.Declaration) catalog.ServiceConfig {
	next := now
	for _, text := range []func(*catalog.ServiceConfig) *string{
		func(c *catalog.ServiceConfig) *string { return &c.Description },
		func(c *catalog.ServiceConfig) *string { return &c.Owner },
		func(c *catalog.ServiceConfig) *string { return &c.Source },
		func(c *catalog.ServiceConfig) *string { return &c.Docs },
	} {
		if *text(&now) == *text(&d.After) {
			*text(&next) = *text(&d.Before)
		}
	}
	if same(catalog.ServiceConfig{Traffic: generalTraffic(now.Traffic)}, catalog.ServiceConfig{Traffic: generalTraffic(d.After.Traffic)}) {
		next.Traffic = d.Before.Traffic
		next.TCP, next.Preview = now.TCP, now.Preview
	}
	own, declared, before := ownedBy(environment, now), ownedBy(environment, d.After), ownedBy(environment, d.Before)
	if sameOwned(own, declared) {
		own = before
	}
	return own.in(next, environment)
}

// same compares configurations as they are written: one of them may have been read.
func same(a, b catalog.ServiceConfig) bool { return string(a.Encode()) == string(b.Encode()) }

func sameOwned(a, b owned) bool {
	return same(a.in(catalog.ServiceConfig{}, catalog.DefaultAlias), b.in(catalog.ServiceConfig{}, catalog.DefaultAlias))
}
