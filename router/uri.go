package router

import "net"

// uris writes stable URIs for people to click on.
type uris struct {
	domain string
	proxy  string // host:port
}

// of is the URI of a service's alias or target; an empty name is the default
// alias, called fallback in the path form.
func (u uris) of(service, name, fallback string) string {
	if u.domain == "" {
		return "http://" + u.proxy + "/" + service + "@" + firstOf(name, fallback) + "/"
	}
	host := service + "." + u.domain
	if name != "" {
		host = service + "." + name + "." + u.domain
	}
	return "http://" + host + u.port() + "/"
}

// declared is the URI of a route a service declares.
func (u uris) declared(host, path string) string {
	if host == "" {
		return "http://" + u.proxy + path
	}
	return "http://" + host + u.port() + path
}

// port is the proxy's port with a colon, and empty for the one of http.
func (u uris) port() string {
	_, port, err := net.SplitHostPort(u.proxy)
	if err != nil || port == "80" {
		return ""
	}
	return ":" + port
}
