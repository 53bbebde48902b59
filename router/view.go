package router

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"

	"teal/catalog"
)

// serviceView is a service as the admin API and the catalogue page show it.
type serviceView struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Owner       string            `json:"owner,omitempty"`
	Source      string            `json:"source,omitempty"`
	Docs        string            `json:"docs,omitempty"`
	Default     string            `json:"default_alias"`
	URI         string            `json:"uri"`
	Routes      []routeView       `json:"routes"`
	Aliases     []aliasView       `json:"aliases"`
	Targets     []targetView      `json:"targets"`
	Problems    []catalog.Problem `json:"problems"`
}

type aliasView struct {
	Name          string             `json:"name"`
	Value         catalog.AliasValue `json:"value"`
	Targets       []shareView        `json:"targets"`
	Index         uint64             `json:"index"`
	URI           string             `json:"uri"`
	Implied       bool               `json:"implied,omitempty"` // an uncoloured environment's own name
	FlippedByHand bool               `json:"flipped_by_hand"`
	LastFlip      *flipView          `json:"last_flip,omitempty"`
}

type shareView struct {
	Target catalog.Target `json:"target"`
	Weight int            `json:"weight"`
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

type instanceView struct {
	catalog.Instance
	InFlight int64 `json:"in_flight"`
	Routed   bool  `json:"routed"`
	Held     bool  `json:"held,omitempty"` // known from an earlier view
	Gone     bool  `json:"gone,omitempty"` // only its requests are left
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
	problems map[string][]catalog.Problem // by service
	uris     uris
	public   bool // leave out what only preview networks may see
}

// viewer shows t to who asks.
func (r *Router) viewer(t *Table, req *http.Request) viewer {
	client := networks(r.opt.TrustedProxies).clientOf(req)
	return viewer{
		table: t, ledger: r.ledger, problems: t.problemsByService(), uris: uris{domain: t.opt.Domain, proxy: r.opt.ProxyAddr},
		public: !r.dispatch.preview.has(client),
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
		Routes: v.declared(name), Aliases: v.aliases(name, s), Targets: v.targets(name, s),
		Problems: append([]catalog.Problem{}, v.problems[name]...),
	}
	return view
}

func (v viewer) aliases(service string, s *catalog.Service) []aliasView {
	views := []aliasView{}
	for _, name := range slices.Sorted(maps.Keys(s.Aliases)) {
		a := s.Aliases[name]
		view := v.alias(service, name, a.Value)
		view.Index, view.FlippedByHand = a.Index, s.FlippedByHand(name)
		if f, ok := s.Flips[name]; ok {
			view.LastFlip = &flipView{FlipRecord: f, Index: f.Index}
		}
		views = append(views, view)
	}
	for _, t := range v.table.part(service).targets {
		if _, keyed := s.Aliases[t.Environment]; t.Colour == "" && !keyed {
			view := v.alias(service, t.Environment, catalog.PointTo(t))
			view.Implied = true
			views = append(views, view)
		}
	}
	return views
}

func (v viewer) alias(service, name string, value catalog.AliasValue) aliasView {
	view := aliasView{Name: name, Value: value, Targets: []shareView{}, URI: v.uris.of(service, name, name)}
	for _, s := range value.Shares {
		view.Targets = append(view.Targets, shareView(s))
	}
	return view
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

// instances shows the instances of a target: those of the catalogue, those held,
// and those that have gone but still have requests.
func (v viewer) instances(service string, s *catalog.Service, t catalog.Target, counts map[string]int64) []instanceView {
	p := v.table.part(service).pool(t)
	views, seen := []instanceView{}, map[string]bool{}
	add := func(i catalog.Instance, held bool) {
		key := instanceKey(&i)
		if i.Target != t || seen[key] {
			return
		}
		seen[key] = true
		views = append(views, instanceView{Instance: v.shown(i), InFlight: counts[key], Routed: p != nil && p.has(key), Held: held})
	}
	for _, i := range s.Instances {
		add(i, false)
	}
	for _, i := range s.Held[t].Instances {
		add(i, true)
	}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		if !seen[key] && counts[key] > 0 {
			views = append(views, goneInstance(service, t, key, counts[key]))
		}
	}
	return views
}

// shown is what the asker may see of an instance: what checks say and the user's
// own meta can hold addresses, names and worse.
func (v viewer) shown(i catalog.Instance) catalog.Instance {
	if !v.public {
		return i
	}
	i.Meta = nil
	i.Checks = slices.Clone(i.Checks)
	for n := range i.Checks {
		i.Checks[n].Output = ""
	}
	return i
}

func goneInstance(service string, t catalog.Target, key string, inFlight int64) instanceView {
	node, id := splitInstanceKey(key)
	return instanceView{
		Instance: catalog.Instance{Service: service, Target: t, Node: node, ID: id},
		InFlight: inFlight, Gone: true,
	}
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
