package router

import (
	"errors"
	"fmt"
	"strings"

	"teal/catalog"
)

// addDeclared gathers the claims to the routes that the service declares itself.
func (b *partBuilder) addDeclared() {
	for _, d := range b.service.Config.Routes {
		if r, ok := b.declaredRoute(d); ok {
			b.addClaim(r, d)
		}
	}
}

func (b *partBuilder) declaredRoute(d catalog.Route) (*Route, bool) {
	r, ok := b.bound(d.String(), d.Alias)
	if ok {
		r.Strip = d.Strip
	}
	return r, ok
}

// bound is a declared route that leads to an alias, the default one where that
// is empty. It is refused, with a problem, where there is no such alias.
func (b *partBuilder) bound(route, alias string) (*Route, bool) {
	if alias == "" {
		alias = b.service.DefaultAlias()
	}
	to, ok := b.aliases[alias]
	if !ok {
		b.problem(route, "route %s is bound to alias %q, which %s does not have; set that alias, or bind the route to another", route, alias, b.name)
		return nil, false
	}
	r := *to
	r.declared = true
	return &r, true
}

// seniority is smaller for a service whose configuration has been in Consul for
// longer. One without a key, whose Since is 0, is the newest.
func (b *partBuilder) seniority() uint64 { return b.service.Config.Since - 1 }

func (b *partBuilder) addClaim(r *Route, d catalog.Route) {
	parsed, err := catalog.ParseRoute(d.Host + slashed(d.Path))
	if err != nil {
		b.problem(d.String(), "%v", err)
		return
	}
	host, prefix := bareHost(parsed.Host), strings.TrimRight(parsed.Path, "/")
	if err := b.mayDeclare(host, parsed.Path); err != nil {
		b.problem(d.String(), "route %s can't be taken: %v", d, err)
		return
	}
	for _, c := range b.claims {
		if c.host == host && c.prefix == prefix {
			b.problem(d.String(), "route %s is already declared by %s, which keeps it; take it out of one of the two service files", d, b.name)
			return
		}
	}
	b.claims = append(b.claims, &claim{
		service: b.name, host: host, prefix: prefix, text: d.String(), route: r,
		since: d.Since, seniority: b.seniority(),
	})
}

// mayDeclare says why a route is nobody's to declare, or nil.
func (b *partBuilder) mayDeclare(host, path string) error {
	domain := b.opt.Domain
	switch {
	case host == "" && path == "/":
		return errors.New("it names neither a host nor a path and would take every request of no other route; declare a host or a path")
	case host == "" && strings.Contains(firstSegments(path, 1), "@"):
		return errors.New("paths that begin like /service@alias are stable URIs; declare another path")
	case host == "localhost" || isIP(host):
		return fmt.Errorf("%s is the router itself; declare a host name of the service's own", host)
	case domain != "" && (host == domain || belowDomain(host, domain)):
		return fmt.Errorf("names at and below %s are stable URIs; declare another host", domain)
	case strings.Count(path, "/") > maxDepth:
		return fmt.Errorf("its path has more than %d segments; declare a shorter prefix", maxDepth)
	}
	return nil
}

func slashed(path string) string {
	if path == "" || path[0] != '/' {
		return "/" + path
	}
	return path
}

// contest is the problem of a claim whose route another service has.
func (c *claim) contest(holder *claim) catalog.Problem {
	return catalog.Problem{
		Service: c.service, Subject: c.text,
		Message: fmt.Sprintf("route %s is already declared by %s, which keeps it; take it out of one of the two service files", c.text, holder.service),
	}
}
