package catalog

import (
	"slices"
	"time"
)

// Registration is what a host's agent should know of one instance.
type Registration struct {
	ID      string
	Service string
	Address string
	Port    int
	Tags    []string
	Meta    map[string]string
	Checks  []Check
}

// Check is how an agent finds out whether an instance is well. Exactly one of
// HTTP, TCP and TTL is set.
type Check struct {
	// ID holds the container's incarnation and a digest of the definition, so
	// that a new container under an old name never inherits "passing": Consul
	// keeps the status of a check that is registered again under its old id.
	ID       string
	Name     string
	HTTP     string // the whole URL
	TCP      string // host:port
	TTL      time.Duration
	Interval time.Duration
	Timeout  time.Duration
}

// Same tells whether two registrations need no write to become one another.
// Checks are compared by id, which names their definition: an agent does not
// tell the definition of a check it holds.
func (r Registration) Same(o Registration) bool {
	return r.ID == o.ID && r.Service == o.Service && r.Address == o.Address && r.Port == o.Port &&
		slices.Equal(r.Tags, o.Tags) && sameMeta(r.Meta, o.Meta) && slices.Equal(checkIDs(r), checkIDs(o))
}

func sameMeta(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func checkIDs(r Registration) []string {
	ids := make([]string, len(r.Checks))
	for i, c := range r.Checks {
		ids[i] = c.ID
	}
	slices.Sort(ids)
	return ids
}
