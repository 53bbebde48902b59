package catalog

import (
	"errors"
	"slices"
	"time"
)

// ErrRefused: the agent has understood a registration and will not have it; the
// same again is refused again. It is wrapped in an error that says why.
var ErrRefused = errors.New("the Consul agent refuses the registration")

// Registration is what a host's agent should know, or knows, of one instance.
type Registration struct {
	ID      string
	Service string
	Address string
	Port    int
	Tags    []string
	Meta    map[string]string
	Checks  []Check
	// Maintenance is why the instance is in maintenance, and empty while it is
	// not.
	Maintenance string
	// Incarnation is which run of which container the instance is. An agent does
	// not tell it.
	Incarnation string
}

// Check is how an agent finds out whether an instance is well. Exactly one of
// HTTP, TCP, GRPC, TTL and Args is set. An agent tells only ID, Name, Status and
// Output of a check that it holds.
type Check struct {
	// ID holds the container's incarnation and a digest of the definition, so
	// that a new container under an old name never inherits "passing": Consul
	// keeps the status of a check that is registered again under its old id.
	ID   string
	Name string

	HTTP          string // the whole URL
	Method        string // of HTTP; empty for GET
	Header        map[string][]string
	Body          string
	TCP           string // host:port
	GRPC          string // host:port, or host:port/service
	GRPCUseTLS    bool
	TLSSkipVerify bool          // of HTTP and GRPC
	TTL           time.Duration // for how long a report holds
	Args          []string      // a command; exit code 0 is passing, 1 a warning
	Container     string        // where Args run; empty for beside the agent

	Interval               time.Duration // between two runs; not of TTL
	Timeout                time.Duration // of one run; not of TTL
	Initial                Health        // before the first result; empty for critical
	DeregisterAfter        time.Duration // critical for so long, the agent forgets the instance; 0 for never
	SuccessBeforePassing   int           // results in a row; 0 for one
	FailuresBeforeCritical int           // results in a row; 0 for one

	// Status is what the check says: of a check that an agent holds its present
	// one; of one that is wanted what is to be reported to the agent, and empty
	// where that is not the registrator's business.
	Status Health
	Output string
}

// Same tells whether two registrations need no write to become one another.
// Checks are compared by id, which names their definition: an agent does not
// tell the definition of a check it holds. Status and maintenance change apart
// from the registration.
func (r Registration) Same(o Registration) bool {
	return r.ID == o.ID && r.Service == o.Service && r.Address == o.Address && r.Port == o.Port &&
		slices.Equal(r.Tags, o.Tags) && sameMeta(r.Meta, o.Meta) && slices.Equal(checkIDs(r), checkIDs(o))
}

// Health is the worst of the instance's checks, as far as their status is known.
func (r Registration) Health() Health {
	if r.Maintenance != "" {
		return Maintenance
	}
	worst := Passing
	for _, c := range r.Checks {
		if severity(c.Status) > severity(worst) {
			worst = c.Status
		}
	}
	return worst
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
