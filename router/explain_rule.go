package router

import (
	"fmt"
	"slices"
	"strings"
)

// ruleView is what made a request belong to a route.
type ruleView struct {
	Kind     string `json:"kind"`               // see below
	Host     string `json:"host,omitempty"`     // that the route is of; empty for any
	Prefix   string `json:"prefix,omitempty"`   // of the path, that the route is of
	Declared string `json:"declared,omitempty"` // as the service declares it
	Stripped string `json:"stripped,omitempty"` // what is taken off the path
}

// The kinds of rules.
const (
	ruleStableHost = "stable host name" // web.production.proxy.example
	rulePathForm   = "path form"        // /web@production/
	ruleHost       = "declared host"
	ruleWildcard   = "declared wildcard host"
	rulePath       = "declared path" // of any host
	rulePort       = "TCP port"
	ruleServer     = "TLS name"
)

// rule tells which rule a match is of.
func (t *Table) rule(ask *Ask, m Match) *ruleView {
	view := &ruleView{Stripped: m.Prefix}
	p := t.part(m.Route.Service)
	if c := claimOf(p.tcp, m.Route); c != nil {
		view.Kind, view.Host, view.Declared = ruleServer, c.host, c.text
		if strings.HasPrefix(c.host, ":") {
			view.Kind = rulePort
		}
		return view
	}
	if c := claimOf(p.claims, m.Route); c != nil {
		view.Host, view.Prefix, view.Declared = c.host, slashed(c.prefix), c.text
		switch {
		case c.host == "":
			view.Kind = rulePath
		case strings.HasPrefix(c.host, "*"):
			view.Kind = ruleWildcard
		default:
			view.Kind = ruleHost
		}
		return view
	}
	if m.Prefix != "" {
		view.Kind, view.Prefix = rulePathForm, m.Prefix
		return view
	}
	view.Kind, view.Host = ruleStableHost, strings.ToLower(bareHost(ask.Host))
	return view
}

// claimOf is the claim that a declared route is of, nil for none.
func claimOf(claims []*claim, r *Route) *claim {
	n := slices.IndexFunc(claims, func(c *claim) bool { return c.route == r })
	if n < 0 {
		return nil
	}
	return claims[n]
}

// words is the rule in a sentence.
func (r *ruleView) words(to *Route) string {
	what := ""
	switch r.Kind {
	case ruleStableHost:
		what = "The stable host name " + r.Host
	case rulePathForm:
		what = "The path form " + r.Prefix + "/"
	case rulePort:
		what = "The TCP port " + r.Host
	case ruleServer:
		what = "The TLS name " + r.Host
	default:
		what = "The route " + r.Declared + ", which the service declares,"
	}
	what += fmt.Sprintf(" leads to %s of %s.", to.words(), to.Service)
	if r.Stripped != "" {
		what += fmt.Sprintf(" %s is taken off the path.", r.Stripped)
	}
	return what
}

// words is what the route leads to.
func (r *Route) words() string {
	if r.Alias == "" {
		return "target " + r.Name
	}
	return "alias " + r.Alias
}

// maxNames is how many names are listed for somebody who asked for none of them.
const maxNames = 100

// unmatched says why nothing is found for what is asked, and the names there are
// in its place.
func (d *dispatch) unmatched(t *Table, m Match, ask Ask, preview bool) (why string, names []string) {
	if ask.tcp != "" {
		if strings.HasPrefix(ask.tcp, ":") {
			return fmt.Sprintf("No service has the TCP port %s.", ask.tcp[1:]), nil
		}
		return fmt.Sprintf("No service has the TLS connections for %s; they are taken for HTTPS.", ask.tcp), nil
	}
	why = d.answerUnmatched(t, m, ask).Message
	if m.Ambiguous {
		return why, nil
	}
	service, _ := t.asked(ask.Host, ask.Path)
	if _, known := t.parts.Get(service); known {
		return why, t.names(service, preview)
	}
	if belowDomain(bareHost(ask.Host), t.opt.Domain) {
		why += fmt.Sprintf(" Names below %s are stable URIs, and no service is called %q.", t.opt.Domain, service)
	}
	names = t.parts.Keys()
	return why, names[:min(len(names), maxNames)]
}
