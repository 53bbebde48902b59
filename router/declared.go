package router

import (
	"strings"

	"teal/catalog"
)

// addDeclared adds the routes that the service declares itself. Services are
// asked in the order of their names, so who keeps a contested route does not
// depend on chance.
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
	if host == "" && strings.Contains(firstSegments(parsed.Path, 1), "@") {
		b.problem(d.String(), "route %s can't be taken: paths that begin like /service@alias are stable URIs; declare another path", d)
		return
	}
	site, stable := b.site(host)
	if stable {
		b.problem(d.String(), "route %s can't be taken: %s is the stable URI of a service; declare another host", d, host)
		return
	}
	if taken := site.add(parsed.Path, r); taken != nil {
		b.problem(d.String(), "route %s is already declared by %s, which keeps it; take it out of one of the two service files", d, taken.Service)
		return
	}
	b.list(host, parsed.Path, r)
}

// site is where routes of a host are declared, and whether the host is a stable
// URI, which is nobody's to declare.
func (b *serviceBuilder) site(host string) (site *paths, stable bool) {
	if host == "" {
		return &b.table.anyHost, false
	}
	site, known := b.table.hosts[host]
	if !known {
		site = &paths{}
		b.table.hosts[host] = site
		b.declaredHosts[host] = true
	}
	return site, !b.declaredHosts[host]
}

func slashed(path string) string {
	if path == "" || path[0] != '/' {
		return "/" + path
	}
	return path
}
