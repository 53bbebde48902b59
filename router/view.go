package router

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"teal/catalog"
	"teal/measure"
)

// serviceView is a service as the admin API and the catalogue page show it.
type serviceView struct {
	Name        string             `json:"name"`
	Description string             `json:"description,omitempty"`
	Owner       string             `json:"owner,omitempty"`
	Source      string             `json:"source,omitempty"`
	Docs        string             `json:"docs,omitempty"`
	Default     string             `json:"default_alias"`
	URI         string             `json:"uri"`
	Routes      []routeView        `json:"routes"`
	TCP         []catalog.TCPRoute `json:"tcp,omitempty"` // ports and TLS names
	Aliases     []aliasView        `json:"aliases"`
	Targets     []targetView       `json:"targets"`
	Problems    []catalog.Problem  `json:"problems"`
	Measures    []measure.Keys     `json:"measures,omitempty"` // of its deployments, by environment; for preview networks only
}

type flipView struct {
	catalog.FlipRecord
	Index uint64 `json:"index"`
}

type targetView struct {
	Name      string           `json:"name"`
	Colour    catalog.Colour   `json:"colour,omitempty"`
	URI       string           `json:"uri"`
	Live      bool             `json:"live"` // an alias sends requests to it
	Release   *catalog.Release `json:"release,omitempty"`
	InFlight  int64            `json:"in_flight"`
	Routed    int              `json:"routed"` // instances that get requests
	Instances []instanceView   `json:"instances"`
	Held      *holdView        `json:"held,omitempty"`
}

type holdView struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

type routeView struct {
	Host    string `json:"host,omitempty"`
	Path    string `json:"path"`
	Service string `json:"service"`
	Alias   string `json:"alias,omitempty"`
	Target  string `json:"target"` // what the name points at
	Preview bool   `json:"preview,omitempty"`
	Strip   bool   `json:"strip,omitempty"`
	URI     string `json:"uri"`
}

// viewer shows one table. It is made for each question.
type viewer struct {
	table    *Table
	ledger   *ledger
	problems func() map[string][]catalog.Problem // by service; gathered when first asked
	uris     uris
	measures *measures
	public   bool      // leave out what only preview networks may see
	now      time.Time // as claims see it
}

// viewer shows t to who asks.
func (r *Router) viewer(t *Table, req *http.Request) viewer {
	client := networks(r.opt.TrustedProxies).clientOf(req)
	return viewer{
		table: t, ledger: r.ledger, measures: r.measures, uris: uris{domain: t.opt.Domain, proxy: r.opt.ProxyAddr},
		problems: sync.OnceValue(func() map[string][]catalog.Problem { return problemsByService(r.problems(t)) }),
		public:   !r.dispatch.preview.has(client), now: time.Now(),
	}
}

// services shows all services, ordered by name.
func (v viewer) services() []serviceView {
	views := []serviceView{}
	for _, name := range v.table.snapshot.Services.Keys() {
		if s := v.table.snapshot.Services.At(name); s != nil {
			views = append(views, v.service(name, s))
		}
	}
	return views
}

func (v viewer) service(name string, s *catalog.Service) serviceView {
	c := s.Config
	view := serviceView{
		Name: name, Description: c.Description, Owner: c.Owner, Source: c.Source, Docs: c.Docs,
		Default: s.DefaultAlias(), URI: v.uris.of(name, "", s.DefaultAlias()),
		Routes: v.declared(name), TCP: v.table.tcpListing(name), Aliases: v.aliases(name, s), Targets: v.targets(name, s),
		Problems: append([]catalog.Problem{}, v.problems()[name]...),
	}
	if !v.public {
		view.Measures = v.measures.service(name)
	}
	return view
}

// aliases shows those that have a key and those that uncoloured environments
// imply.
func (v viewer) aliases(service string, s *catalog.Service) []aliasView {
	views, routes := []aliasView{}, v.table.part(service).aliases
	for _, name := range slices.Sorted(maps.Keys(routes)) {
		if r := routes[name]; !r.Value.IsZero() || r.halt != nil {
			views = append(views, v.alias(s, r))
		}
	}
	return views
}

func (v viewer) targets(service string, s *catalog.Service) []targetView {
	views := []targetView{}
	for _, t := range v.table.part(service).targets {
		views = append(views, v.target(service, s, t))
	}
	return views
}

// target shows a target, one that nothing is known of too. The counters are read
// after the table was: what they miss can't be a claim on an older table.
func (v viewer) target(service string, s *catalog.Service, t catalog.Target) targetView {
	total, counts := v.ledger.inFlight(service, t)
	view := targetView{
		Name: t.String(), Colour: t.Colour, URI: v.uris.of(service, t.String(), ""),
		InFlight: total, Live: getsRequests(s, t),
	}
	if r, ok := s.Releases[t]; ok {
		view.Release = &r
	}
	if h, ok := s.Held[t]; ok {
		view.Held = &holdView{Since: h.Since, Reason: h.Reason}
	}
	view.Instances = v.instances(service, s, t, counts)
	for _, i := range view.Instances {
		if i.Routed {
			view.Routed++
		}
	}
	return view
}

// declared shows the routes a service declares itself.
func (v viewer) declared(service string) []routeView {
	views := []routeView{}
	for _, l := range v.table.listing(service) {
		if l.Route.declared {
			views = append(views, v.route(l))
		}
	}
	return views
}

// routes shows every way to reach anything.
func (v viewer) routes() []routeView {
	views := []routeView{}
	for _, l := range v.table.Listing() {
		views = append(views, v.route(l))
	}
	slices.SortStableFunc(views, func(a, b routeView) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Path, b.Path))
	})
	return views
}

func (v viewer) route(l Listing) routeView {
	return routeView{
		Host: l.Host, Path: l.Path, Service: l.Route.Service, Alias: l.Route.Alias,
		Target: l.Route.Value.String(), Preview: l.Route.Preview, Strip: l.Route.Strip,
		URI: v.uris.declared(l.Host, l.Path),
	}
}
