package servicefile

import (
	"slices"
	"strings"

	"teal/catalog"
)

// maxHostName is the longest host name (RFC 1035, section 2.3.4).
const maxHostName = 253

// tcpRoutes reads the ports and TLS names that lead to the service.
func (f field) tcpRoutes() []catalog.TCPRoute {
	var routes []catalog.TCPRoute
	for _, one := range f.mappings("port", "sni") {
		x := one.fields
		route := catalog.TCPRoute{Port: x["port"].number(1, 65535, 0), SNI: x["sni"].serverName()}
		hasPort, hasSNI := x["port"].value != nil, x["sni"].value != nil
		switch {
		case hasPort == hasSNI:
			one.complain("%s must have either a port of the routers or the sni that TLS clients ask for", one.name())
		case route == catalog.TCPRoute{}: // told already
		case slices.Contains(routes, route):
			one.complain("%s is there already; keep one of the two", one.name())
		default:
			routes = append(routes, route)
		}
	}
	return routes
}

// serverName reads a name that TLS clients ask for: a host name, or all below one
// as *.example.com.
func (f field) serverName() string {
	name := strings.ToLower(strings.TrimSuffix(f.text(), "."))
	if f.value != nil && !isServerName(strings.TrimPrefix(name, "*.")) {
		f.complain("%s is %q, which no TLS client asks for; write a name such as db.example.com or *.db.example.com", f.name(), name)
		return ""
	}
	return name
}

// isServerName tells whether name is a DNS name (RFC 6066, section 3) rather than
// an address. Underscores occur in practice.
func isServerName(name string) bool {
	labels := strings.Split(strings.ToLower(name), ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return len(name) <= maxHostName && strings.Trim(labels[len(labels)-1], "0123456789") != ""
}
