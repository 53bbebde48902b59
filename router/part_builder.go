package router

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"teal/catalog"
)

// partBuilder builds a part.
type partBuilder struct {
	*part
	opt BuildOptions
}

// addPools gathers the instances that get requests, by target. A held target's
// are the held ones.
func (b *partBuilder) addPools() {
	for n := range b.service.Instances {
		i := &b.service.Instances[n]
		if _, ok := b.addPool(i.Target, i.ID); ok {
			b.checkRelease(i)
		}
	}
	for t, p := range b.pools {
		if _, held := b.service.Held[t]; !held {
			p.addBackends(b.service.Answering(t))
		}
	}
	for _, t := range sortedTargets(b.service.Held) {
		if p, ok := b.addPool(t, t.String()); ok {
			p.held = true
			p.addBackends(slices.DeleteFunc(slices.Clone(b.service.Held[t].Instances), func(i catalog.Instance) bool {
				return !b.service.Expects(i)
			}))
		}
	}
	for _, t := range sortedTargets(b.service.Releases) {
		b.addPool(t, t.String())
	}
}

// checkRelease says when an instance is of a release that its target no longer
// holds, unless a deployment is about to stop it.
func (b *partBuilder) checkRelease(i *catalog.Instance) {
	if b.service.Expects(*i) || b.service.Releases[i.Target].State == catalog.Staging {
		return
	}
	b.problem(i.ID, "instance %s on %s runs release %q, but %s of %s holds %q; it gets no requests. Deploy again, or remove the instance",
		i.ID, i.Node, i.Release, i.Target, b.name, b.service.Releases[i.Target].ID)
}

// addPool is the target's pool, made on first use. It is refused, with a problem
// of subject, to a target that could not be written and read again.
func (b *partBuilder) addPool(t catalog.Target, subject string) (*pool, bool) {
	if p, ok := b.pools[t]; ok {
		return p, true
	}
	if same, err := catalog.ParseTarget(t.String()); err != nil || same != t {
		b.problem(subject, "%q names no target, so nothing is sent there; a target is written like green-production or integration", t)
		return nil, false
	}
	p := &pool{service: b.name, target: t, policy: b.policy}
	b.pools[t] = p
	return p, true
}

func (b *partBuilder) addAliases() {
	for _, name := range slices.Sorted(maps.Keys(b.service.Aliases)) {
		if err := checkAlias(name); err != nil {
			b.problem(name, "%v", err)
			continue
		}
		b.addAlias(name, b.service.Aliases[name].Value)
	}
	for _, t := range b.targets {
		if _, taken := b.aliases[t.String()]; t.Colour == "" && !taken {
			b.addAlias(t.Environment, catalog.PointTo(t))
		}
	}
	name := b.service.DefaultAlias()
	if err := checkAlias(name); err != nil {
		b.problem(name, "the default alias can't be used: %v", err)
		return
	}
	if _, ok := b.aliases[name]; !ok {
		b.addAlias(name, catalog.AliasValue{}) // still a route, which says what is missing
	}
	b.host(b.name, b.aliases[name])
}

// checkAlias says why an alias may not be called name: like an environment, it
// must not look like a coloured target.
func checkAlias(name string) error {
	if err := catalog.CheckEnvironment(name); err != nil {
		return fmt.Errorf("alias %q: %w", name, err)
	}
	return nil
}

func (b *partBuilder) addAlias(name string, v catalog.AliasValue) {
	r := b.route(name, v)
	r.Alias = name
	if h, ok := b.service.Halts[name]; ok {
		r.halt = newHalt(h)
	}
	b.aliases[name] = r
	b.reachable(r)
	for _, t := range v.Live() {
		switch p, exists := b.pools[t]; {
		case !exists:
			b.problem(name, "alias %s points at %s, which nothing was ever deployed to; deploy it, or point the alias at %s", name, t, b.choices())
		case len(p.backends) == 0:
			b.problem(name, "alias %s points at %s, which has no healthy instance; look at its checks, or flip to a target that has", name, t)
		}
	}
}

// choices names the targets there are, for a sentence.
func (b *partBuilder) choices() string {
	names := make([]string, 0, 2)
	for _, t := range b.targets {
		names = append(names, t.String())
	}
	if len(names) == 0 {
		return "one that exists"
	}
	return strings.Join(names, " or ")
}

// addTargets makes each target reachable by its own name.
func (b *partBuilder) addTargets() {
	for _, t := range b.targets {
		if _, taken := b.aliases[t.String()]; taken {
			continue // an uncoloured target's name is its alias
		}
		r := b.route(t.String(), catalog.PointTo(t))
		r.Preview = !b.live(t)
		b.reachable(r)
	}
}

func (b *partBuilder) route(name string, v catalog.AliasValue) *Route {
	return &Route{Service: b.name, Name: name, Value: v, policy: b.policy, split: newSplit(v, b.pools)}
}

// reachable makes a route reachable as <service>.<name>.<domain> and as
// /<service>@<name>/.
func (b *partBuilder) reachable(r *Route) {
	b.host(b.name+"."+r.Name, r)
	key := b.name + "@" + r.Name
	b.named[key] = r
	b.list("", "/"+key+"/", r)
}

func (b *partBuilder) host(name string, r *Route) {
	if b.opt.Domain == "" {
		return
	}
	b.hosts[name] = r
	b.list(name+"."+b.opt.Domain, "/", r)
}

func (b *partBuilder) list(host, path string, r *Route) {
	b.listing = append(b.listing, Listing{Host: host, Path: path, Route: r})
}

func sortedTargets[V any](m map[catalog.Target]V) []catalog.Target {
	return slices.SortedFunc(maps.Keys(m), compareTargets)
}

func compareTargets(a, b catalog.Target) int { return cmp.Compare(a.String(), b.String()) }
