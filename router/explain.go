package router

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"teal/catalog"
)

// explanation is why a request goes where it goes, or how what was named is. It
// is found by the code that serves requests, and leaves no trace there.
type explanation struct {
	Words    []string          `json:"words"` // all of it in sentences, a line each
	Router   string            `json:"router"`
	Applied  uint64            `json:"applied"`
	Restored time.Time         `json:"restored,omitzero"` // when the view was saved, while it comes from a disk
	URL      string            `json:"url,omitempty"`
	From     string            `json:"from,omitempty"`
	Rule     *ruleView         `json:"rule,omitempty"`
	Answer   *Answer           `json:"answer,omitempty"` // of the router's own, in place of the service's
	Names    []string          `json:"names,omitempty"`  // there are, where what was asked for is not
	Service  string            `json:"service,omitempty"`
	Alias    *aliasView        `json:"alias,omitempty"`
	Previews []previewView     `json:"previews,omitempty"`
	Draw     *drawView         `json:"draw,omitempty"`
	Sent     string            `json:"sent,omitempty"` // the target that the request is sent to, where that is certain
	Aliases  []aliasView       `json:"aliases,omitempty"`
	Targets  []targetView      `json:"targets,omitempty"`
	Policy   *policyView       `json:"policy,omitempty"`
	Problems []catalog.Problem `json:"problems,omitempty"`
}

// explainer explains one table to one asker.
type explainer struct {
	viewer
	dispatch *dispatch
	e        *explanation
}

// say adds a line, indented by its depth.
func (x *explainer) say(depth int, format string, args ...any) {
	x.e.Words = append(x.e.Words, strings.Repeat("  ", depth)+fmt.Sprintf(format, args...))
}

// explain answers a question that somebody at an address asks. The error is a
// refusal.
func (r *Router) explain(t *Table, v viewer, q Question, asker netip.Addr) (*explanation, error) {
	x := &explainer{viewer: v, dispatch: r.dispatch, e: &explanation{Router: r.opt.ID, Applied: t.snapshot.AliasIndex, Restored: t.snapshot.Restored}}
	if err := q.Check(); err != nil {
		return nil, refuse(http.StatusBadRequest, "%v.", err)
	}
	if at := t.snapshot.Restored; !at.IsZero() {
		x.say(0, "This router has not read Consul yet; its view was saved at %s.", at.UTC().Format(time.RFC3339))
	}
	if q.URL != "" {
		ask, _ := q.ask(asker) // it has been checked
		x.request(q, &ask)
	} else if err := x.named(q); err != nil {
		return nil, err
	}
	if err := x.only(q.Instance); err != nil {
		return nil, err
	}
	x.targetWords()
	x.conclude()
	return x.e, nil
}

// request explains where a request goes.
func (x *explainer) request(q Question, ask *Ask) {
	e := x.e
	e.URL, e.From = q.URL, peerText(ask.Peer)
	x.say(0, "A request for %s from %s:", q.URL, e.From)
	m, ok := x.table.match(ask)
	if !ok {
		why, names := x.dispatch.unmatched(x.table, m, *ask, !x.public)
		e.Names = names
		if ask.tcp == "" {
			e.Answer = x.dispatch.answerUnmatched(x.table, m, *ask)
		}
		x.say(0, "%s", why)
		if len(names) > 0 {
			x.say(0, "There are: %s.", strings.Join(names, ", "))
		}
		return
	}
	e.Rule = x.table.rule(ask, m)
	x.say(0, "%s", e.Rule.words(m.Route))
	x.route(ask, m)
}

// route explains what becomes of a request that has a route.
func (x *explainer) route(ask *Ask, m Match) {
	e, r := x.e, m.Route
	s := x.table.part(r.Service).service
	e.Service = r.Service
	if r.Alias != "" {
		view := x.alias(s, r)
		e.Alias = &view
		x.aliasWords(0, &view)
	}
	if e.Answer = x.dispatch.bar(ask, m); e.Answer == nil {
		x.side(ask, r)
	} else {
		x.say(0, "The router answers %d itself: %s", e.Answer.Status, e.Answer.Message)
	}
	x.show(s, x.reached(r)...)
}

// side explains which target of a route a request is sent to.
func (x *explainer) side(ask *Ask, r *Route) {
	e := x.e
	e.Previews = x.dispatch.previewsFor(ask, r, x.public)
	for _, p := range e.Previews {
		verb := "does not apply"
		if p.Applies {
			verb, e.Sent = "applies", p.Target
		}
		x.say(1, "The preview rule to %s %s: %s.", p.Target, verb, p.Why)
	}
	if e.Sent == "" {
		e.Draw = r.draw(ask)
		e.Sent = r.certain(e.Draw)
		if e.Draw != nil {
			x.say(1, "%s", e.Draw.words(ask))
		}
	}
	switch h := e.haltKind(); {
	case h == catalog.HaltMaintenance:
		e.Answer = answerMaintenance(r)
		x.say(0, "The router answers 503 itself, as the alias is under maintenance.")
	case e.Sent == "" && len(r.split.able) == 0:
		e.Answer = answerNobody(r)
		x.say(0, "The router answers 503 itself: %s", e.Answer.Message)
	case h == catalog.HaltPause:
		x.say(0, "The request waits until the alias is resumed.")
	case e.Sent != "":
		x.say(0, "The request goes to %s.", e.Sent)
	}
}

func (e *explanation) haltKind() catalog.HaltKind {
	if e.Alias == nil || e.Alias.Halt == nil {
		return ""
	}
	return e.Alias.Halt.Kind
}

// certain is the one target that a request can be sent to, empty where there are
// several.
func (r *Route) certain(d *drawView) string {
	switch {
	case d != nil && d.Target != "":
		return d.Target
	case len(r.split.able) == 1:
		return r.split.able[0].pool.target.String()
	}
	return ""
}

// reached is the targets that requests by a route may be sent to.
func (x *explainer) reached(r *Route) []catalog.Target {
	list := r.Value.Live()
	for _, p := range r.previews {
		for _, one := range p.split.all {
			if one.pool != nil && !slices.Contains(list, one.pool.target) {
				list = append(list, one.pool.target)
			}
		}
	}
	return list
}

// named explains a service, or one alias or target of it.
func (x *explainer) named(q Question) error {
	s := x.table.snapshot.Services.At(q.Service)
	if s == nil {
		return refuse(http.StatusNotFound, "There is no service %q. GET /v1/services lists those there are.", q.Service)
	}
	x.e.Service = q.Service
	p := x.table.part(q.Service)
	if r, ok := p.aliases[q.Name]; ok {
		view := x.alias(s, r)
		x.e.Alias = &view
		x.say(0, "Service %s.", q.Service)
		x.aliasWords(0, &view)
		x.show(s, x.reached(r)...)
		return nil
	}
	if q.Name != "" {
		t, err := catalog.ParseTarget(q.Name)
		if err != nil || p.pool(t) == nil {
			return refuse(http.StatusNotFound, "Service %s has no alias or target called %q; it has: %s.", q.Service, q.Name, strings.Join(x.table.names(q.Service, !x.public), ", "))
		}
		x.say(0, "Service %s.", q.Service)
		x.show(s, t)
		return nil
	}
	x.say(0, "Service %s: %s leads to alias %s.", q.Service, x.uris.of(q.Service, "", s.DefaultAlias()), s.DefaultAlias())
	x.e.Aliases = x.aliases(q.Service, s)
	for i := range x.e.Aliases {
		x.aliasWords(0, &x.e.Aliases[i])
	}
	x.show(s, p.targets...)
	return nil
}

// show adds targets, the policy and the problems of a service.
func (x *explainer) show(s *catalog.Service, targets ...catalog.Target) {
	for _, t := range targets {
		x.e.Targets = append(x.e.Targets, x.target(x.e.Service, s, t))
	}
	if p := x.table.part(x.e.Service).policy; p != nil {
		x.e.Policy = x.policyOf(s, p)
	}
	x.e.Problems = slices.Clone(x.problems()[x.e.Service])
}

// only leaves one instance, where one is asked for.
func (x *explainer) only(instance string) error {
	if instance == "" || x.e.Service == "" {
		return nil
	}
	var kept []targetView
	for _, t := range x.e.Targets {
		t.Instances = slices.DeleteFunc(slices.Clone(t.Instances), func(i instanceView) bool {
			return i.ID != instance && instanceKey(&i.Instance) != instance
		})
		if len(t.Instances) > 0 {
			kept = append(kept, t)
		}
	}
	if len(kept) == 0 {
		return refuse(http.StatusNotFound, "No target that is asked about has an instance %q. Leave the instance out to see those there are.", instance)
	}
	x.e.Targets = kept
	return nil
}

// conclude adds what holds for the whole service.
func (x *explainer) conclude() {
	if x.e.Policy != nil {
		x.say(0, "%s", x.e.Policy.words())
	}
	for _, p := range x.e.Problems {
		x.say(0, "Problem with %s: %s.", p.Subject, strings.TrimSuffix(p.Message, "."))
	}
}
