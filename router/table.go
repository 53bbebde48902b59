package router

import (
	"slices"
	"strings"

	"teal/catalog"
	"teal/catalog/cow"
)

// Table is every route at one moment. It is immutable once published, and safe
// for use by any number of goroutines. Tables share the parts of services that
// did not change between them.
type Table struct {
	opt       BuildOptions
	snapshot  catalog.Snapshot
	parts     cow.Map[*part]  // by service
	hosts     cow.Map[*Route] // stable URIs, by host name in lower case, without the domain
	named     cow.Map[*Route] // the path form, by "service@name"
	sites     cow.Map[*site]  // declared routes by host name, "" for any host
	anyHost   *site           // that of "" in sites
	digits    bool            // some host in sites may end in a digit; else IP addresses need not be looked up
	wild      cow.Map[*site]  // those of "*.example.com", by ".example.com"
	tcp       cow.Map[*slot]  // ports as ":5432" and TLS names, with "*.example.com"
	troubled  cow.Map[*part]  // the parts that have problems
	contested cow.Map[*slot]  // declared routes that more than one service wants
}

// poolKey names a target of a service.
type poolKey struct {
	service string
	target  catalog.Target
}

// Listing is one way to reach a route, for people to read.
type Listing struct {
	Host  string // empty for any host
	Path  string // a prefix
	Route *Route
}

// Match is what Lookup found.
type Match struct {
	Route *Route
	// Prefix is the part of the escaped path that is to be taken off; empty when
	// the path goes on as it came.
	Prefix string
	// Bare is a URI like /web@production, which lacks the slash that relative
	// links need.
	Bare bool
	// Ambiguous says, where nothing was found, that the path would decide the
	// route and can be read in more than one way.
	Ambiguous bool
}

// Lookup finds the route of a request by its Host header and its escaped path,
// without the query. It does not allocate, except for a path with escapes that
// decides the route.
func (t *Table) Lookup(host, path string) (Match, bool) {
	var buf [maxHost]byte
	name, named := lowerHost(host, &buf)
	stable := named && below(name, t.opt.Domain)
	if stable {
		if r, ok := t.hosts.Get(name[:len(name)-len(t.opt.Domain)-1]); ok {
			return Match{Route: r}, true // the path decides nothing and goes on as it is
		}
	}
	var own *site
	if named && !stable && (t.digits || !endsInDigit(name)) {
		own, _ = t.sites.Get(name)
		if own != nil && own.prefixes.Len() == 0 {
			return Match{Route: own.all.route}, true // likewise
		}
	}
	plain, ok := plainPath(path)
	if !ok {
		return Match{Ambiguous: true}, false
	}
	if to, n := t.longest(own, name, plain, stable); to.route != nil {
		return declared(to, path, n), true
	}
	if r, bare := t.byName(plain); r != nil {
		return Match{Route: r, Prefix: firstSegments(path, 1), Bare: bare}, true
	}
	if stable || (!named && belowDomain(bareHost(host), t.opt.Domain)) {
		return Match{}, false // a stable URI of nobody is not another service's
	}
	if to, n := t.anyHost.longest(plain); to.route != nil {
		return declared(to, path, n), true
	}
	return Match{}, false
}

// longest asks the host's own site, then those of ever shorter wildcards.
func (t *Table) longest(own *site, host, path string, stable bool) (lead, int) {
	if to, n := own.longest(path); to.route != nil || stable || t.wild.Len() == 0 {
		return to, n
	}
	for {
		dot := strings.IndexByte(host, '.')
		if dot < 0 {
			return lead{}, 0
		}
		host = host[dot:]
		if s, ok := t.wild.Get(host); ok {
			if to, n := s.longest(path); to.route != nil {
				return to, n
			}
		}
		host = host[1:]
	}
}

// below tells whether a host is a name below a domain, both in lower case.
func below(host, domain string) bool {
	dot := len(host) - len(domain) - 1
	return domain != "" && dot >= 0 && host[dot] == '.' && host[dot+1:] == domain
}

// belowDomain tells whether a bare host, in any case, is a name below the
// router's domain, where stable URIs are.
func belowDomain(host, domain string) bool {
	dot := len(host) - len(domain) - 1
	return domain != "" && dot >= 0 && host[dot] == '.' && strings.EqualFold(host[dot+1:], domain)
}

func declared(to lead, path string, segments int) Match {
	if !to.strip {
		return Match{Route: to.route}
	}
	return Match{Route: to.route, Prefix: firstSegments(path, segments)}
}

// byName reads the path form, /web@production/...
func (t *Table) byName(plain string) (r *Route, bare bool) {
	end := segmentEnd(plain, 0)
	if strings.IndexByte(plain[:end], '@') < 0 {
		return nil, false
	}
	return t.named.At(plain[1:end]), end == len(plain)
}

// Listing is every way to reach a route, ordered by service.
func (t *Table) Listing() []Listing {
	var all []Listing
	for _, service := range t.parts.Keys() {
		all = append(all, t.listing(service)...)
	}
	return all
}

// listing is every way to reach a service.
func (t *Table) listing(service string) []Listing {
	p := t.part(service)
	all := slices.Clone(p.listing)
	for _, c := range p.claims {
		if t.slot(c).holder() == c {
			all = append(all, Listing{Host: c.host, Path: slashed(c.prefix), Route: c.route})
		}
	}
	return all
}

// slot is where a claim of this table stands.
func (t *Table) slot(c *claim) *slot {
	site := t.sites.At(c.host)
	if suffix, ok := strings.CutPrefix(c.host, "*"); ok {
		site = t.wild.At(suffix)
	}
	if c.prefix == "" {
		return site.root
	}
	return site.prefixes.At(c.prefix)
}

// part is that of a service, an empty one where nothing is known of it.
func (t *Table) part(service string) *part {
	if p, ok := t.parts.Get(service); ok {
		return p
	}
	return &part{}
}

// Problems is what was wrong with the snapshot the table was built from: what it
// brought along, then what was found, ordered by service.
func (t *Table) Problems() []catalog.Problem {
	all := slices.Clone(t.snapshot.Problems)
	found := t.contests()
	for _, p := range t.troubled.All() {
		found = append(found, p.problems...)
	}
	slices.SortStableFunc(found, func(a, b catalog.Problem) int { return strings.Compare(a.Service, b.Service) })
	return append(all, found...)
}

// contests is the problems of those whose declared routes others have.
func (t *Table) contests() []catalog.Problem {
	var all []catalog.Problem
	for _, key := range t.contested.Keys() {
		s := t.contested.At(key)
		for _, c := range s.claims[1:] {
			all = append(all, c.contest(s.holder()))
		}
	}
	return append(all, t.tcpContests()...)
}

// problemsByService is problems to look up.
func problemsByService(problems []catalog.Problem) map[string][]catalog.Problem {
	by := map[string][]catalog.Problem{}
	for _, p := range problems {
		by[p.Service] = append(by[p.Service], p)
	}
	return by
}

// Snapshot is what the table was built from. It must not be changed.
func (t *Table) Snapshot() catalog.Snapshot { return t.snapshot }

// ownHost tells whether host is the router itself rather than a service: its
// domain, an IP address or localhost.
func (t *Table) ownHost(host string) bool {
	host = strings.ToLower(bareHost(host))
	return host == "localhost" || isIP(host) || (t.opt.Domain != "" && host == t.opt.Domain)
}

// asked splits what a request asks for into service and name, to say what is
// missing. It is empty where the request names no service.
func (t *Table) asked(host, path string) (service, name string) {
	host = strings.ToLower(bareHost(host))
	if sub, ok := strings.CutSuffix(host, "."+t.opt.Domain); ok && t.opt.Domain != "" {
		service, name, _ = strings.Cut(sub, ".")
		return service, name
	}
	if plain, ok := plainPath(path); ok {
		service, name, ok = strings.Cut(plain[1:segmentEnd(plain, 0)], "@")
		if ok {
			return service, name
		}
	}
	return "", ""
}
