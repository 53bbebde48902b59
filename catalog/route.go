package catalog

import (
	"fmt"
	"strings"
)

// ParseRoute reads a declared route: "shop.example.com", "shop.example.com/cart",
// "*.shop.example.com", for all names below shop.example.com, or "/cart". Hosts
// lose their case, paths keep theirs.
func ParseRoute(s string) (Route, error) {
	s = strings.TrimSpace(s)
	host, path, _ := strings.Cut(s, "/")
	r := Route{Host: strings.ToLower(host), Path: "/" + path}
	switch {
	case s == "":
		return Route{}, fmt.Errorf("the route is empty; write a host, a path or both, such as shop.example.com/cart")
	case strings.Contains(s, "://"):
		return Route{}, fmt.Errorf("route %q has a scheme; write it without, such as shop.example.com/cart", s)
	case strings.ContainsAny(host, ": @?#"):
		return Route{}, fmt.Errorf("route %q: %q is not a host name; a route has neither port nor user", s, host)
	case strings.ContainsAny(path, "?#%") || strings.Contains("/"+path, "//") || hasDotSegment(path):
		return Route{}, fmt.Errorf("route %q: the path must be plain: no query, no escapes, no empty, \".\" or \"..\" segment", s)
	case strings.Contains(path, "*"):
		return Route{}, fmt.Errorf("route %q: a path has no wildcard, as it leads to all that lies below it; write it without the *", s)
	case !isPlainOrWild(host):
		return Route{}, fmt.Errorf("route %q: a * is the whole first label of a host and has a name after it; write it like *.shop.example.com", s)
	}
	return r, nil
}

// isPlainOrWild tells whether a host has no wildcard, or one where it may be.
func isPlainOrWild(host string) bool {
	name, wild := strings.CutPrefix(host, "*.")
	if strings.Contains(name, "*") {
		return false
	}
	return !wild || name != "" && name[0] != '.'
}

func hasDotSegment(path string) bool {
	for seg := range strings.SplitSeq(path, "/") {
		if seg == "." || seg == ".." {
			return true
		}
	}
	return false
}

// String is the text form that ParseRoute reads.
func (r Route) String() string { return r.Host + r.Path }
