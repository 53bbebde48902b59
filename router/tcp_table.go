package router

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"teal/catalog"
)

// changeTCP replaces the slot that a claim to a port or TLS name is about.
func (u *update) changeTCP(c *claim, f func(*slot) *slot) {
	before, _ := u.tcp.Get(c.host)
	s := f(before)
	if s == nil {
		u.tcp.Delete(c.host)
	} else {
		u.tcp.Set(c.host, s)
	}
	if key := "tcp " + c.host; s != nil && len(s.claims) > 1 { // no host has a space
		u.contested.Set(key, s)
	} else {
		u.contested.Delete(key)
	}
}

// match finds the route of what is asked, be it HTTP or not.
func (t *Table) match(ask *Ask) (Match, bool) {
	if ask.tcp == "" {
		return t.Lookup(ask.Host, ask.Path)
	}
	var s *slot
	if ask.tcp[0] == ':' {
		s = t.tcp.At(ask.tcp)
	} else {
		s = t.serverName(ask.tcp)
	}
	if s == nil {
		return Match{}, false
	}
	return Match{Route: s.holder().route}, true
}

// serverName finds who has the TLS connections for a name, in lower case: whoever
// declared it, else the longest wildcard of it. It is nil where that is a
// service's HTTP, or nobody.
func (t *Table) serverName(name string) *slot {
	if t.tcp.Len() == 0 || t.ownHost(name) || belowDomain(name, t.opt.Domain) {
		return nil
	}
	for key, rest := name, name; ; key = "*." + rest {
		s := t.tcp.At(key)
		switch rival := t.httpClaim(key, s); {
		case s != nil && (rival == nil || s.holder().outranks(rival)):
			return s
		case rival != nil:
			return nil
		}
		var more bool
		if _, rest, more = strings.Cut(rest, "."); !more {
			return nil
		}
	}
}

// httpClaim is the claim of the most senior service that declared HTTP routes
// for a host, less the one that holds s, which may do both. It is nil where
// there is none.
func (t *Table) httpClaim(host string, s *slot) *claim {
	all, ok := t.sites.Get(host)
	if suffix, wild := strings.CutPrefix(host, "*"); wild {
		all, ok = t.wild.Get(suffix)
	}
	if !ok {
		return nil
	}
	var first *claim
	consider := func(one *slot) {
		c := one.holder()
		if s != nil && c.service == s.holder().service {
			return
		}
		if first == nil || c.outranks(first) {
			first = c
		}
	}
	if all.root != nil {
		consider(all.root)
	}
	for _, one := range all.prefixes.All() {
		consider(one)
	}
	return first
}

// outranks is the order between a TLS name and HTTP routes of the same host. Only
// HTTP routes know when they were declared, so it is that of the services.
func (c *claim) outranks(o *claim) bool {
	return cmp.Or(cmp.Compare(c.seniority, o.seniority), cmp.Compare(c.service, o.service), cmp.Compare(c.text, o.text)) < 0
}

// tcpContests is the problems between TLS names and HTTP routes of other
// services.
func (t *Table) tcpContests() []catalog.Problem {
	var all []catalog.Problem
	for _, key := range t.tcp.Keys() {
		s := t.tcp.At(key)
		rival := t.httpClaim(key, s)
		switch c := s.holder(); {
		case rival == nil:
		case c.outranks(rival):
			all = append(all, catalog.Problem{
				Service: rival.service, Subject: rival.text,
				Message: fmt.Sprintf("route %s is not reached by HTTPS, as %s has all TLS connections for %s; take it out of one of the two service files", rival.text, c.service, key),
			})
		default:
			all = append(all, c.contest(rival))
		}
	}
	return all
}

// tcpListing is the ports and TLS names that a service has.
func (t *Table) tcpListing(service string) []catalog.TCPRoute {
	var all []catalog.TCPRoute
	for _, c := range t.part(service).tcp {
		if t.tcp.At(c.host).holder() != c {
			continue
		}
		one := catalog.TCPRoute{Alias: c.route.Alias}
		if port, ok := strings.CutPrefix(c.host, ":"); ok {
			one.Port, _ = strconv.Atoi(port) // it was written by portKey
		} else if rival := t.httpClaim(c.host, t.tcp.At(c.host)); rival == nil || c.outranks(rival) {
			one.SNI = c.host
		} else {
			continue
		}
		all = append(all, one)
	}
	return all
}

// tcpPorts is the services that have a port each.
func (t *Table) tcpPorts() map[int]string {
	ports := map[int]string{}
	for key, s := range t.tcp.All() {
		if text, ok := strings.CutPrefix(key, ":"); ok {
			port, _ := strconv.Atoi(text) // it was written by portKey
			ports[port] = s.holder().service
		}
	}
	return ports
}

// sortedPorts puts what is done to ports in an order that can be read in a log.
func sortedPorts[V any](m map[int]V) []int { return slices.Sorted(maps.Keys(m)) }
