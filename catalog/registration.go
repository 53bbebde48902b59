package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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
	ID   string `json:"-"`
	Name string `json:",omitzero"`

	HTTP          string              `json:",omitzero"` // the whole URL
	Method        string              `json:",omitzero"` // of HTTP; empty for GET
	Header        map[string][]string `json:",omitzero"`
	Body          string              `json:",omitzero"`
	TCP           string              `json:",omitzero"` // host:port
	GRPC          string              `json:",omitzero"` // host:port, or host:port/service
	GRPCUseTLS    bool                `json:",omitzero"`
	TLSSkipVerify bool                `json:",omitzero"` // of HTTP and GRPC
	TTL           time.Duration       `json:",omitzero"` // for how long a report holds
	Args          []string            `json:",omitzero"` // a command; exit code 0 is passing, 1 a warning
	Container     string              `json:",omitzero"` // where Args run; empty for beside the agent

	Interval               time.Duration `json:",omitzero"` // between two runs; not of TTL
	Timeout                time.Duration `json:",omitzero"` // of one run; not of TTL
	Initial                Health        `json:",omitzero"` // before the first result; empty for critical
	DeregisterAfter        time.Duration `json:",omitzero"` // critical for so long, the agent forgets the instance; 0 for never
	SuccessBeforePassing   int           `json:",omitzero"` // results in a row; 0 for one
	FailuresBeforeCritical int           `json:",omitzero"` // results in a row; 0 for one

	// Status is what the check says: of a check that an agent holds its present
	// one; of one that is wanted what is to be reported to the agent, and empty
	// where that is not the registrator's business.
	Status Health `json:"-"`
	Output string `json:"-"`
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

// Digest names the check's definition in a few letters. A field that is not set
// does not count, so that one that is added later changes no digest of before.
func (c Check) Digest() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("catalog: encode a check: %v", err)) // it holds only what JSON can
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:4])
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
