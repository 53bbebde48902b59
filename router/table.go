package router

import (
	"maps"
	"slices"
	"strings"

	"teal/catalog"
)

// Table is every route at one moment. It is immutable once published, and safe
// for use by any number of goroutines.
type Table struct {
	snapshot catalog.Snapshot
	problems []catalog.Problem
	domain   string
	hosts    map[string]*paths // by host name in lower case
	named    map[string]*Route // the path form, by "service@name"
	anyHost  paths             // declared routes that name no host
	pools    map[poolKey]*pool
	parts    map[string]*part // by service
}

// part is what people are shown of one service.
type part struct {
	targets  []catalog.Target // ordered by name
	listing  []Listing
	problems []catalog.Problem
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
	site, known := byHost(t.hosts, host)
	if known && site.depth == 0 {
		return Match{Route: site.root}, true // the path decides nothing and goes on as it is
	}
	plain, ok := plainPath(path)
	if !ok {
		return Match{Ambiguous: true}, false
	}
	if known {
		if r, n := site.longest(plain); r != nil {
			return declared(r, path, n), true
		}
	}
	if r, bare := t.byName(plain); r != nil {
		return Match{Route: r, Prefix: firstSegments(path, 1), Bare: bare}, true
	}
	if t.belowDomain(bareHost(host)) {
		return Match{}, false // a stable URI of nobody is not another service's
	}
	if r, n := t.anyHost.longest(plain); r != nil {
		return declared(r, path, n), true
	}
	return Match{}, false
}

// belowDomain tells whether a bare host, in any case, is a name below the
// router's domain, where stable URIs are.
func (t *Table) belowDomain(host string) bool {
	dot := len(host) - len(t.domain) - 1
	return t.domain != "" && dot >= 0 && host[dot] == '.' && strings.EqualFold(host[dot+1:], t.domain)
}

func declared(r *Route, path string, segments int) Match {
	if !r.Strip {
		return Match{Route: r}
	}
	return Match{Route: r, Prefix: firstSegments(path, segments)}
}

// byName reads the path form, /web@production/...
func (t *Table) byName(plain string) (r *Route, bare bool) {
	end := segmentEnd(plain, 0)
	return t.named[plain[1:end]], end == len(plain)
}

// Listing is every way to reach a route, ordered by service.
func (t *Table) Listing() []Listing {
	var all []Listing
	for _, service := range slices.Sorted(maps.Keys(t.parts)) {
		all = append(all, t.parts[service].listing...)
	}
	return all
}

// part is that of a service, an empty one where nothing is known of it.
func (t *Table) part(service string) *part {
	if p, ok := t.parts[service]; ok {
		return p
	}
	return &part{}
}

// Problems is what was wrong with the snapshot the table was built from.
func (t *Table) Problems() []catalog.Problem { return t.problems }

// Snapshot is what the table was built from. It must not be changed.
func (t *Table) Snapshot() catalog.Snapshot { return t.snapshot }

// ownHost tells whether host is the router itself rather than a service: its
// domain, an IP address or localhost.
func (t *Table) ownHost(host string) bool {
	host = strings.ToLower(bareHost(host))
	return host == "localhost" || isIP(host) || (t.domain != "" && host == t.domain)
}

// asked splits what a request asks for into service and name, to say what is
// missing. It is empty where the request names no service.
func (t *Table) asked(host, path string) (service, name string) {
	host = strings.ToLower(bareHost(host))
	if sub, ok := strings.CutSuffix(host, "."+t.domain); ok && t.domain != "" {
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
