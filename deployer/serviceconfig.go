package deployer

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// declare writes what the file says of the service where routers read it, and in the
// deployment's record what it changes. What a release says that is gone back to is
// not known, and stays as it is.
func (r *run) declare(ctx context.Context) error {
	if r.record.RolledBackTo != "" {
		return nil // there is no file
	}
	service, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return fmt.Errorf("read service %s: %w", r.record.Service, err)
	}
	d := r.declaration()
	if err := r.recordDeclared(ctx, service.Config, d.after(service.Config)); err != nil {
		return err
	}
	var kept bool
	err = r.opt.Store.UpdateServiceConfig(ctx, r.record.Service, func(old catalog.ServiceConfig) catalog.ServiceConfig {
		kept = !d.decides(old) && !sameTraffic(old.Traffic, r.spec.Traffic)
		return d.after(old)
	})
	if err != nil {
		return fmt.Errorf("write the configuration of %s: %w", r.record.Service, err)
	}
	if kept {
		alias := r.service.DefaultAlias()
		r.note("%s.traffic of this file differs from what %s deployed last, and stays as it is there; deploy %s for it to count", servicefile.Extension, alias, alias)
	}
	return nil
}

func (r *run) declaration() declaration {
	_, live := r.service.Resolve(r.service.DefaultAlias())
	return declaration{spec: r.spec, env: r.env, alone: !live, now: r.opt.Now().UTC().Truncate(time.Millisecond)}
}

// declaration is what a deployment says of its service.
type declaration struct {
	spec  *servicefile.Spec
	env   servicefile.Environment
	alone bool // the default alias leads nowhere yet
	now   time.Time
}

// decides tells whether the deployment's environment speaks for the service as a
// whole. There is one set of traffic settings for all environments: a trial in
// integration must not change what production's users meet.
func (d declaration) decides(old catalog.ServiceConfig) bool {
	return d.alone || d.spec.IsGeneral(d.env, old.DefaultAlias())
}

// after is the service's configuration after the deployment. Of what leads to an
// alias, only that of the environment's own changes: other environments may run
// another version of the file. What the file gives in general belongs to the
// default alias, unless there is but one environment. It is pure.
func (d declaration) after(old catalog.ServiceConfig) catalog.ServiceConfig {
	next := old
	next.Description, next.Owner, next.Source, next.Docs = d.spec.Description, d.spec.Owner, d.spec.Source, d.spec.Docs
	if d.decides(old) {
		next.Traffic = generalTraffic(d.spec.Traffic)
		next.TCP, next.Preview = old.TCP, old.Preview
	}
	routes, tcp, preview := d.wanted(old.DefaultAlias())
	own := owned{aliases: d.env.Aliases}
	for _, route := range routes {
		route.Alias, route.Since = d.env.Name, d.since(old.Routes, route)
		own.routes = append(own.routes, route)
	}
	for _, route := range tcp {
		route.Alias = d.env.Name
		own.tcp = append(own.tcp, route)
	}
	for _, rule := range preview {
		rule.Alias = d.env.Name
		own.preview = append(own.preview, rule)
	}
	return own.in(next, d.env.Name)
}

// owned is what leads to the alias of one environment, and nobody else's.
type owned struct {
	routes  []catalog.Route
	tcp     []catalog.TCPRoute
	preview []catalog.PreviewRule
	aliases []string
}

// ownedBy is what an environment has of a configuration. It is pure.
func ownedBy(environment string, c catalog.ServiceConfig) owned {
	others := func(alias string) bool { return cmp.Or(alias, c.DefaultAlias()) != environment }
	return owned{
		routes:  slices.DeleteFunc(slices.Clone(c.Routes), func(r catalog.Route) bool { return others(r.Alias) }),
		tcp:     slices.DeleteFunc(slices.Clone(c.TCP), func(r catalog.TCPRoute) bool { return others(r.Alias) }),
		preview: slices.DeleteFunc(slices.Clone(c.Preview), func(r catalog.PreviewRule) bool { return others(r.Alias) }),
		aliases: c.Aliases[environment],
	}
}

// alone is this as a configuration.
func (o owned) alone() catalog.ServiceConfig {
	c := catalog.ServiceConfig{Routes: o.routes, Traffic: catalog.Traffic{TCP: o.tcp, Preview: o.preview}}
	if len(o.aliases) > 0 {
		c.Aliases = map[string][]string{"": o.aliases}
	}
	return c
}

// in is a configuration in which an environment has this, and what it had before no
// more. Where it has this already, its place among that of others stays. It is pure.
func (o owned) in(c catalog.ServiceConfig, environment string) catalog.ServiceConfig {
	if sameOwned(ownedBy(environment, c), o) {
		return c
	}
	own := func(alias string) bool { return cmp.Or(alias, c.DefaultAlias()) == environment }
	c.Routes = append(slices.DeleteFunc(slices.Clone(c.Routes), func(r catalog.Route) bool { return own(r.Alias) }), o.routes...)
	c.TCP = append(slices.DeleteFunc(slices.Clone(c.TCP), func(r catalog.TCPRoute) bool { return own(r.Alias) }), o.tcp...)
	c.Preview = append(slices.DeleteFunc(slices.Clone(c.Preview), func(r catalog.PreviewRule) bool { return own(r.Alias) }), o.preview...)
	c.Aliases = maps.Clone(c.Aliases)
	delete(c.Aliases, environment)
	if len(o.aliases) > 0 {
		if c.Aliases == nil {
			c.Aliases = map[string][]string{}
		}
		c.Aliases[environment] = o.aliases
	}
	return c
}

// wanted is what shall lead to the environment's alias.
func (d declaration) wanted(defaultAlias string) ([]catalog.Route, []catalog.TCPRoute, []catalog.PreviewRule) {
	routes, tcp, preview := d.env.Routes, d.env.TCP, d.env.Preview
	if !d.spec.IsGeneral(d.env, defaultAlias) {
		return routes, tcp, preview
	}
	if routes == nil {
		routes = d.spec.Routes
	}
	if tcp == nil {
		tcp = d.spec.TCP
	}
	if preview == nil {
		preview = d.spec.Preview
	}
	return routes, tcp, preview
}

// since is when the service first declared a route. One that was there before
// stays as old as it is, so that no other service comes first.
func (d declaration) since(before []catalog.Route, route catalog.Route) time.Time {
	for _, old := range before {
		if strings.EqualFold(old.Host, route.Host) && strings.Trim(old.Path, "/") == strings.Trim(route.Path, "/") {
			return old.Since
		}
	}
	return d.now
}

// sameTraffic compares the settings that are not an alias's own.
func sameTraffic(a, b catalog.Traffic) bool {
	return same(catalog.ServiceConfig{Traffic: generalTraffic(a)}, catalog.ServiceConfig{Traffic: generalTraffic(b)})
}

// generalTraffic are those settings. It is pure.
func generalTraffic(t catalog.Traffic) catalog.Traffic {
	t.TCP, t.Preview = nil, nil
	return t
}
