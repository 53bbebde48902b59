package deployer

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"teal/catalog"
)

// RouteChange is a route that a deployment would gain or lose for the service,
// or that another service declares too.
type RouteChange struct {
	Route  string    `json:"route"`
	Alias  string    `json:"alias"`
	Change RouteFate `json:"change"`
	// Holder is the service that has a contested route after the deployment.
	Holder string `json:"holder,omitempty"`
	// Rivals are the other services that declare a contested route.
	Rivals []string `json:"rivals,omitempty"`
}

// RouteFate is what would become of a route.
type RouteFate string

// The fates of a route.
const (
	RouteGained    RouteFate = "gained"
	RouteLost      RouteFate = "lost"
	RouteContested RouteFate = "contested"
)

// declared is what would change of what the service declares: its routes, and
// the fields of its configuration.
func (p planning) declared() ([]RouteChange, []string) {
	before := p.service.Config
	_, live := p.service.Resolve(p.service.DefaultAlias())
	after := declaration{spec: p.spec, env: p.env, alone: !live, now: p.now.Truncate(time.Millisecond)}.after(before)
	had, has := claimsOf(p.spec.Service, before), claimsOf(p.spec.Service, after)
	changes := []RouteChange{}
	for _, c := range has {
		if change, told := c.change(had, p.rivals(c)); told {
			changes = append(changes, change)
		}
	}
	for _, c := range had {
		if !slices.ContainsFunc(has, c.same) {
			changes = append(changes, RouteChange{Route: c.text, Alias: c.alias, Change: RouteLost})
		}
	}
	return changes, changedFields(before, after)
}

// claim is a route that a service declares, and since when.
type claim struct {
	service, text, alias string
	key                  string    // what two claims of the same route share
	since                time.Time // of the route
	seniority            uint64    // of the service, smaller for who was there earlier
}

func (c claim) same(o claim) bool { return c.key == o.key && c.alias == o.alias }

// before tells which of two claims of a route counts, as routers decide it.
func (c claim) before(o claim) bool {
	return cmp.Or(c.since.Compare(o.since), cmp.Compare(c.seniority, o.seniority), cmp.Compare(c.service, o.service)) < 0
}

// change is what becomes of a route that the service will declare; false when
// nothing is to be told.
func (c claim) change(had []claim, rivals []claim) (RouteChange, bool) {
	change := RouteChange{Route: c.text, Alias: c.alias, Change: RouteGained}
	if len(rivals) == 0 {
		return change, !slices.ContainsFunc(had, c.same)
	}
	change.Change, change.Holder = RouteContested, c.service
	first := c
	for _, r := range rivals {
		change.Rivals = append(change.Rivals, r.service)
		if r.before(first) {
			first, change.Holder = r, r.service
		}
	}
	return change, true
}

// rivals are the claims of other services to a route, by the services' names.
func (p planning) rivals(c claim) []claim {
	var all []claim
	for _, name := range slices.Sorted(maps.Keys(p.configs)) {
		if name == c.service {
			continue
		}
		for _, other := range claimsOf(name, p.configs[name]) {
			if other.key == c.key {
				all = append(all, other)
				break
			}
		}
	}
	return all
}

// claimsOf are the routes and TCP routes that a service declares.
func claimsOf(service string, config catalog.ServiceConfig) []claim {
	var all []claim
	add := func(key, text, alias string, since time.Time) {
		all = append(all, claim{
			service: service, text: text, alias: cmp.Or(alias, config.DefaultAlias()), key: key,
			since: since, seniority: config.Since - 1, // one without a key, whose Since is 0, is the newest
		})
	}
	for _, r := range config.Routes {
		add(strings.ToLower(r.Host)+"/"+strings.Trim(r.Path, "/"), r.String(), r.Alias, r.Since)
	}
	for _, r := range config.TCP {
		text := ":" + strconv.Itoa(r.Port) + " (TCP)"
		if r.SNI != "" {
			text = r.SNI + " (TLS)"
		}
		add(strings.ToLower(text), text, r.Alias, time.Time{})
	}
	return all
}
