package servicefile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"teal/catalog"
)

// Spec is a service file, resolved and found to be sound. It is not changed
// once loaded.
type Spec struct {
	Path    string `json:"-"` // of the file
	Service string // the name in Consul and in URIs
	Routed  string // the part that takes the requests
	Port    int    // where in its container the routed part listens
	Release string // as the file names it; empty to derive one

	Description, Owner, Source, Docs string

	Check   Check
	Settle  time.Duration // how long all checks must pass without a break
	Timeout time.Duration // until all checks must have passed
	Drain   time.Duration // how long the old target may take for its last requests

	// Protocol is what the routed part speaks; empty for HTTP/1.1.
	Protocol string          `json:",omitzero"`
	Traffic  catalog.Traffic `json:",omitzero"` // without what leads to an alias

	// Gates are what must hold between the checks and the flip.
	Gates Gates `json:",omitzero"`
	// Tasks run once with the new images before the gates are asked.
	Tasks []Task `json:",omitempty"`
	// Canary is how the flip goes in steps; nil for all at once.
	Canary *Canary `json:",omitempty"`
	// Bake is the watch after the flip; nil for none.
	Bake *Bake `json:",omitempty"`
	// SelfTest is how the built image is tried by itself; nil for not at all.
	SelfTest *SelfTest `json:",omitempty"`
	// Notify are who is told how deployments end.
	Notify []Notify `json:",omitempty"`

	// What leads to the default alias, or to the only environment's.
	Routes  []catalog.Route
	TCP     []catalog.TCPRoute    `json:",omitempty"`
	Preview []catalog.PreviewRule `json:",omitempty"`

	Environments map[string]Environment
	Parts        []Part // in the order they start

	// Warnings are what the file asks for and Teal does not do.
	Warnings []Issue `json:"-"`
}

// The values of what a service file leaves out.
const (
	DefaultCheckInterval = time.Second
	DefaultCheckTimeout  = time.Second
	DefaultSettle        = 2 * time.Second
	DefaultTimeout       = time.Minute
	DefaultDrain         = 30 * time.Second
	DefaultTaskTimeout   = 10 * time.Minute
	DefaultApproval      = 24 * time.Hour
	DefaultKeep          = 5
	DefaultStopGrace     = 10 * time.Second // Docker's own
	maxReplicas          = 100
)

// Check is how an instance of the routed part is found to be well: exactly one
// of HTTP and TCP is set.
type Check struct {
	HTTP     string // a path
	TCP      bool
	Interval time.Duration
	Timeout  time.Duration
}

// Environment is where a service may be deployed to.
type Environment struct {
	Name     string
	Hosts    []string // endpoints; empty where a selector picks them
	Replicas int      // of the routed part, on each host
	// Selector is the labels that a host of teal/hosts must have to be one of the
	// environment's; empty where Hosts names them.
	Selector map[string]string `json:",omitempty"`
	// AtLeast is how many hosts must answer; those that don't are left out then. 0
	// for all.
	AtLeast int `json:",omitzero"`
	// Batch is how many hosts are brought up at a time; 0 for all.
	Batch int `json:",omitzero"`
	// Requires is the environment in which the very same images must be live, put
	// there by a deployment that succeeded; empty for none.
	Requires string `json:",omitzero"`
	// Approval is whose word is waited for before the flip; nil for nobody's.
	Approval *ApprovalRule `json:",omitempty"`
	// Registry is where the environment's hosts pull the service's own images from,
	// such as registry.example:5000; empty for where the file says.
	Registry string `json:",omitzero"`
	// StopStandby stops the old colour's containers once the new one has baked.
	StopStandby bool `json:",omitzero"`
	// Keep is how many releases stay on the hosts and in the records, live and
	// standby among them; 0 for DefaultKeep.
	Keep int `json:",omitzero"`
	// Missing is which secrets and configs it needs and could not be read, a sentence
	// each. A deployment to it does not begin.
	Missing []string `json:"-"`
	// Aliases are further ones that lead where the environment's own does, and move
	// with it.
	Aliases []string `json:",omitempty"`
	// Coloured environments have two targets and flip between them. In an
	// uncoloured one the containers are replaced in place, with a short outage.
	Coloured bool
	// Weights are those of the instances on hosts that have one, by endpoint.
	Weights map[string]int `json:",omitempty"`
	// Override is what the environment says otherwise than the file in general.
	Override Override `json:",omitzero"`

	// What leads to the environment's own alias; nil for what the file says in
	// general.
	Routes  []catalog.Route
	TCP     []catalog.TCPRoute    `json:",omitempty"`
	Preview []catalog.PreviewRule `json:",omitempty"`
}

func (e *Environment) weigh(endpoint string, weight int) {
	if weight == 0 {
		return
	}
	if e.Weights == nil {
		e.Weights = map[string]int{}
	}
	e.Weights[endpoint] = weight
}

// Part is one compose service: a container, or several replicas of it.
type Part struct {
	Name       string
	Image      string
	Entrypoint []string
	Command    []string
	Env        map[string]string
	Labels     map[string]string
	Ports      []catalog.Port
	Restart    string
	StopGrace  time.Duration
	User       string
	WorkingDir string
	Volumes    []PartVolume
	After      []Dependency
	// Healthcheck is how the engine looks after it; nil for what its image says.
	Healthcheck *catalog.Healthcheck `json:",omitempty"`
	// Sandbox is what it may take of its host and do there.
	Sandbox catalog.Sandbox `json:",omitzero"`
	// Build is how its image is built; nil for one that is built elsewhere.
	Build *Build `json:",omitempty"`
	// Shared parts belong to the environment and to no colour: they are started
	// when they are missing and are never touched by a flip.
	Shared bool `json:",omitzero"`
	// Files are what secrets and configs put into it, by environment; those under
	// the empty name are for environments that say nothing of their own. They may
	// be secret.
	Files map[string][]catalog.File `json:",omitempty"`
	// Once tells that others wait for the part to complete: it may exit with 0.
	Once bool
}

// MarshalJSON writes the part with digests of its files in the place of what they
// hold, as that may be secret.
func (p Part) MarshalJSON() ([]byte, error) {
	type plain Part // without this method
	sealed := map[string][]sealedFile{}
	for env, files := range p.Files {
		for _, f := range files {
			sealed[env] = append(sealed[env], seal(f))
		}
	}
	return json.Marshal(struct {
		plain
		Files map[string][]sealedFile `json:",omitempty"`
	}{plain(p), sealed})
}

// PartVolume is a mount of a part. A shared one has the name it has on the host;
// the others belong to their target alone, as two colours run side by side.
type PartVolume struct {
	catalog.Volume
	Private bool
}

// Condition is what a part waits for in another before it starts.
type Condition string

// The conditions of Compose's depends_on.
const (
	Started   Condition = "service_started"
	Healthy   Condition = "service_healthy"
	Completed Condition = "service_completed_successfully"
)

// Dependency is a part that has to be up before another.
type Dependency struct {
	Part      string
	Condition Condition
}

// Environment finds an environment of the file.
func (s *Spec) Environment(name string) (Environment, error) {
	if env, ok := s.Environments[name]; ok {
		return env, nil
	}
	return Environment{}, fmt.Errorf("%s has no environment %q; it has %s", s.Path, name,
		strings.Join(slices.Sorted(maps.Keys(s.Environments)), ", "))
}

// routedLabels are the labels that the file gives the routed part.
func (s *Spec) routedLabels() map[string]string {
	for _, p := range s.Parts {
		if p.Name == s.Routed {
			return p.Labels
		}
	}
	return nil
}

// IsGeneral tells whether what the file says in general is said of env.
func (s *Spec) IsGeneral(env Environment, defaultAlias string) bool {
	return env.Name == defaultAlias || len(s.Environments) == 1
}

// Digest names the content of the resolved file: whatever changes what would
// run changes it.
func (s *Spec) Digest() string { return "sha256:" + DigestOf(s) }

// ReleaseID picks what the release is called: what was asked for, what the file
// says, the short commit, or else the file's digest.
func (s *Spec) ReleaseID(asked, revision string) string {
	for _, id := range []string{asked, s.Release, ShortRevision(revision)} {
		if id != "" {
			return id
		}
	}
	return DigestOf(s)[:12]
}

// ShortRevision is a commit as people write it.
func ShortRevision(revision string) string {
	const short = 12
	if len(revision) <= short {
		return revision
	}
	return revision[:short]
}

// DigestOf is the SHA-256 of a value's JSON, in hexadecimal.
func DigestOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("servicefile: encode %T: %v", v, err)) // specs hold only what JSON can
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
