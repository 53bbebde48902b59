package store

import (
	"net/http"
	"regexp"
)

// filterable are the endpoints that take a filter.
var filterable = []string{"/v1/agent/checks", "/v1/health/node/", "/v1/health/checks/", "/v1/health/state/"}

// comparison is the one form of filter the store understands.
var comparison = regexp.MustCompile(`^\s*(\w+)\s*(==|!=)\s*(?:"([^"\\]*)"|` + "`([^`]*)`" + `|([^\s"` + "`" + `]+))\s*$`)

// checkFields are the fields of a check a filter may compare.
var checkFields = map[string]func(*healthCheck) string{
	"Node":        func(c *healthCheck) string { return c.Node },
	"CheckID":     func(c *healthCheck) string { return c.CheckID },
	"Name":        func(c *healthCheck) string { return c.Name },
	"Status":      func(c *healthCheck) string { return c.Status },
	"ServiceID":   func(c *healthCheck) string { return c.ServiceID },
	"ServiceName": func(c *healthCheck) string { return c.ServiceName },
}

// parseFilter returns what the request's filter accepts, everything if it has
// none. A filter the store doesn't understand is refused, never ignored.
func parseFilter(r *http.Request) (func(*healthCheck) bool, error) {
	text := r.URL.Query().Get("filter")
	if text == "" {
		return func(*healthCheck) bool { return true }, nil
	}
	parts := comparison.FindStringSubmatch(text)
	if parts == nil || checkFields[parts[1]] == nil {
		return nil, badRequest("filter %q is not served by the embedded store, which compares one of Node, CheckID, "+
			"Name, Status, ServiceID and ServiceName with a value by == or !=; use a Consul agent", text)
	}
	field, equal, value := checkFields[parts[1]], parts[2] == "==", parts[3]+parts[4]+parts[5]
	return func(c *healthCheck) bool { return (field(c) == value) == equal }, nil
}
