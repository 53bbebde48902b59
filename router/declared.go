package router

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"teal/catalog"
)

// addDeclared adds the routes that services declare themselves. The service
// whose configuration has been in Consul the longest is asked first, so that a
// newcomer never takes a route that is in use; names, which services are ordered
// by, settle only what was there at the same time. All routers so agree.
func addDeclared(services []*serviceBuilder) {
	slices.SortStableFunc(services, func(a, b *serviceBuilder) int { return cmp.Compare(a.seniority(), b.seniority()) })
	for _, sb := range services {
		sb.addDeclared()
	}
}

// seniority is smaller for who was there earlier. A configuration without a key,
// whose Since is 0, is the newest.
func (b *serviceBuilder) seniority() uint64 { return b.service.Config.Since - 1 }

func (b *serviceBuilder) addDeclared() {
	for _, d := range b.service.Config.Routes {
		if r, ok := b.declaredRoute(d); ok {
			b.claimRoute(r, d)
		}
	}
}

func (b *serviceBuilder) declaredRoute(d catalog.Route) (*Route, bool) {
	alias := d.Alias
	if alias == "" {
		alias = b.service.DefaultAlias()
	}
	bound, ok := b.aliases[alias]
	if !ok {
		b.problem(d.String(), "route %s is bound to alias %q, which %s does not have; set that alias, or bind the route to another", d, alias, b.name)
		return nil, false
	}
	r := *bound
	r.Strip, r.declared = d.Strip, true
	return &r, true
}

func (b *serviceBuilder) claimRoute(r *Route, d catalog.Route) {
	parsed, err := catalog.ParseRoute(d.Host + slashed(d.Path))
	if err != nil {
		b.problem(d.String(), "%v", err)
		return
	}
	host := bareHost(parsed.Host)
	if err := b.mayDeclare(host, parsed.Path); err != nil {
		b.problem(d.String(), "route %s can't be taken: %v", d, err)
		return
	}
	if taken := b.site(host).add(parsed.Path, r); taken != nil {
		b.problem(d.String(), "route %s is already declared by %s, which keeps it; take it out of one of the two service files", d, taken.Service)
		return
	}
	b.list(host, parsed.Path, r)
}

// mayDeclare says why a route is nobody's to declare, or nil.
func (b *serviceBuilder) mayDeclare(host, path string) error {
	switch {
	case host == "" && path == "/":
		return errors.New("it names neither a host nor a path and would take every request of no other route; declare a host or a path")
	case host == "" && strings.Contains(firstSegments(path, 1), "@"):
		return errors.New("paths that begin like /service@alias are stable URIs; declare another path")
	case host == "localhost" || isIP(host):
		return fmt.Errorf("%s is the router itself; declare a host name of the service's own", host)
	case b.table.domain != "" && (host == b.table.domain || b.table.belowDomain(host)):
		return fmt.Errorf("names at and below %s are stable URIs; declare another host", b.table.domain)
	}
	return nil
}

// site is where the routes of a host are declared.
func (b *serviceBuilder) site(host string) *paths {
	if host == "" {
		return &b.table.anyHost
	}
	site, known := b.table.hosts[host]
	if !known {
		site = &paths{}
		b.table.hosts[host] = site
	}
	return site
}

func slashed(path string) string {
	if path == "" || path[0] != '/' {
		return "/" + path
	}
	return path
}
