package servicefile

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Gates are what a new release must come through after its checks pass and
// before the flip to it.
type Gates struct {
	Smoke   []Smoke       `json:",omitempty"`
	Outside []OutsideGate `json:",omitempty"`
	Test    *TestCommand  `json:",omitempty"`
}

// Smoke is a request that the new release must answer as is wanted.
type Smoke struct {
	Path    string
	Status  int               `json:",omitzero"`  // 0 for any 2xx
	Body    string            `json:",omitempty"` // what must be in it
	Pattern *regexp.Regexp    `json:",omitempty"` // what it must match
	Within  time.Duration     `json:",omitzero"`  // until all of the answer is there; 0 for DefaultSmokeTimeout
	Header  map[string]string `json:",omitempty"` // may hold secrets
}

// OutsideGate is somebody else's word: an address that answers JSON, in which a
// field must be true.
type OutsideGate struct {
	Name    string
	URL     string // its query may hold secrets
	Field   string // with a dot between the names of each level
	Timeout time.Duration
	Token   string `json:",omitempty"` // the environment variable that holds it
}

// TestCommand is a program whose exit code decides: on the machine that deploys,
// or in a container beside the new release where Image names one.
type TestCommand struct {
	// Command is the program and its arguments, which may hold secrets. With an
	// Image it may be empty, for what that runs by itself.
	Command []string
	Image   string `json:",omitempty"`
	Timeout time.Duration
}

// The values of what a service file leaves out of its gates.
const (
	DefaultGateTimeout  = 5 * time.Minute
	DefaultTestTimeout  = 10 * time.Minute
	DefaultSmokeTimeout = 10 * time.Second
)

// Missing is why gates can't be asked with the variables of environ, or nil.
func (g Gates) Missing(environ []string) error {
	var errs []error
	for _, gate := range g.Outside {
		if gate.Token != "" && Variable(environ, gate.Token) == "" {
			errs = append(errs, fmt.Errorf("gate %s takes its token from the variable %s, which is not set here; set it where the deployment runs", gate.Name, gate.Token))
		}
	}
	return errors.Join(errs...)
}

// Variable is the value of a variable in the form of os.Environ, of which the
// last counts; empty when it is not set.
func Variable(environ []string, name string) (value string) {
	for _, pair := range environ {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			value = v
		}
	}
	return value
}

// Address is where the gate is asked, without what may be secret.
func (g OutsideGate) Address() string {
	u, err := url.Parse(g.URL)
	if err != nil {
		return "its address"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// None tells whether there is nothing to run.
func (t TestCommand) None() bool { return len(t.Command) == 0 && t.Image == "" }

// Name is the program's, without its arguments, or the image's where that knows
// what to run.
func (t TestCommand) Name() string {
	if len(t.Command) == 0 {
		return t.Image
	}
	return filepath.Base(t.Command[0])
}
