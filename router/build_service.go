package router

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"teal/catalog"
)

// serviceBuilder builds what belongs to one service.
type serviceBuilder struct {
	*builder
	name    string
	service *catalog.Service
	pools   map[catalog.Target]*pool
	targets []catalog.Target // of the pools, ordered by name
	aliases map[string]*Route
}

func (b *serviceBuilder) problem(subject, format string, args ...any) {
	b.builder.problem(b.name, subject, format, args...)
}

// addPools gathers the instances that get requests, by target. A held target's
// are the held ones.
func (b *serviceBuilder) addPools() {
	for n := range b.service.Instances {
		i := &b.service.Instances[n]
		p, ok := b.pool(i.Target, i.ID)
		if _, held := b.service.Held[i.Target]; !ok || held {
			continue
		}
		if b.expected(i) && i.Routable() {
			p.backends = append(p.backends, newBackend(i))
		}
	}
	for _, t := range sortedTargets(b.service.Held) {
		if p, ok := b.pool(t, t.String()); ok {
			b.addHeld(p)
		}
	}
	for _, t := range sortedTargets(b.service.Releases) {
		b.pool(t, t.String())
	}
}

func (b *serviceBuilder) addHeld(p *pool) {
	for _, i := range b.service.Held[p.target].Instances {
		if b.service.Expects(i) {
			p.backends = append(p.backends, newBackend(&i))
		}
	}
}

func (b *serviceBuilder) expected(i *catalog.Instance) bool {
	if b.service.Expects(*i) {
		return true
	}
	if b.service.Releases[i.Target].State == catalog.Staging {
		return false // a deployment is about to stop it
	}
	b.problem(i.ID, "instance %s on %s runs release %q, but %s of %s holds %q; it gets no requests. Deploy again, or remove the instance",
		i.ID, i.Node, i.Release, i.Target, b.name, b.service.Releases[i.Target].ID)
	return false
}

// pool is the target's pool, made on first use. It is refused, with a problem of
// subject, to a target that could not be written and read again.
func (b *serviceBuilder) pool(t catalog.Target, subject string) (*pool, bool) {
	if p, ok := b.pools[t]; ok {
		return p, true
	}
	if same, err := catalog.ParseTarget(t.String()); err != nil || same != t {
		b.problem(subject, "%q names no target, so nothing is sent there; a target is written like green-production or integration", t)
		return nil, false
	}
	p := &pool{service: b.name, target: t}
	b.pools[t] = p
	b.table.pools[poolKey{b.name, t}] = p
	return p, true
}

func (b *serviceBuilder) addAliases() {
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

func (b *serviceBuilder) addAlias(name string, v catalog.AliasValue) {
	r := b.route(name, v)
	r.Alias = name
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
func (b *serviceBuilder) choices() string {
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
func (b *serviceBuilder) addTargets() {
	for _, t := range b.targets {
		if _, taken := b.aliases[t.String()]; taken {
			continue // an uncoloured target's name is its alias
		}
		r := b.route(t.String(), catalog.PointTo(t))
		r.Preview = !b.live(t)
		b.reachable(r)
	}
}

// live tells whether some alias sends requests to t.
func (b *serviceBuilder) live(t catalog.Target) bool {
	for _, r := range b.aliases {
		if r.Value.Sends(t) {
			return true
		}
	}
	return false
}

func (b *serviceBuilder) route(name string, v catalog.AliasValue) *Route {
	r := &Route{Service: b.name, Name: name, Value: v, Timeout: b.opt.Timeout}
	if ms := b.service.Config.TimeoutMS; ms > 0 {
		r.Timeout = time.Duration(min(ms, maxTimeoutMS)) * time.Millisecond
	}
	b.share(r, func(t catalog.Target) bool { _, held := b.service.Held[t]; return !held })
	if len(r.shares) == 0 {
		b.share(r, func(catalog.Target) bool { return true })
	}
	return r
}

// share gives those targets of a route that are wanted their part. A held target
// gets one only where no other can take its requests.
func (b *serviceBuilder) share(r *Route, wanted func(catalog.Target) bool) {
	for _, s := range r.Value.Shares {
		if p, ok := b.pools[s.Target]; ok && wanted(s.Target) {
			r.add(p, s.Weight)
		}
	}
}

// maxTimeoutMS keeps a configured timeout within what a Duration holds.
const maxTimeoutMS = 24 * 60 * 60 * 1000

// reachable makes a route reachable as <service>.<name>.<domain> and as
// /<service>@<name>/.
func (b *serviceBuilder) reachable(r *Route) {
	b.host(b.name+"."+r.Name, r)
	key := b.name + "@" + r.Name
	b.table.named[key] = r
	b.list("", "/"+key+"/", r)
}

func (b *serviceBuilder) host(name string, r *Route) {
	if b.table.domain == "" {
		return
	}
	host := name + "." + b.table.domain
	b.table.hosts[host] = &paths{root: r}
	b.list(host, "/", r)
}

func (b *serviceBuilder) list(host, path string, r *Route) {
	part := b.part(b.name)
	part.listing = append(part.listing, Listing{Host: host, Path: path, Route: r})
}

func sortedTargets[V any](m map[catalog.Target]V) []catalog.Target {
	return slices.SortedFunc(maps.Keys(m), compareTargets)
}

func compareTargets(a, b catalog.Target) int { return cmp.Compare(a.String(), b.String()) }
