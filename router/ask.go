package router

import (
	"net/http"
	"net/netip"
)

// Ask is what decides where a request goes.
type Ask struct {
	Host   string     // the Host header
	Path   string     // escaped, without the query
	Peer   netip.Addr // who asks, behind trusted proxies
	Header Fields     // nil for none

	tcp string // in place of Host and Path: ":5432" for a port of the router, else a TLS name in lower case
}

// Fields is the header of a request; http.Header is one.
type Fields interface {
	// Values are those of a field in any case; they are not changed.
	Values(name string) []string
}

func (a *Ask) values(name string) []string {
	if a.Header == nil {
		return nil
	}
	return a.Header.Values(name)
}

// cookie is the value of a cookie, empty where there is none. Cookies that can't
// be read hide no other: services and their pages set what they like.
func (a *Ask) cookie(name string) string {
	lines := a.values("Cookie")
	if len(lines) == 0 {
		return ""
	}
	r := http.Request{Header: http.Header{"Cookie": lines}}
	for _, c := range r.CookiesNamed(name) {
		return c.Value
	}
	return ""
}
