package deployer

import (
	"time"

	"teal/catalog"
	"teal/deployer/printable"
)

// Event is one thing a person who watches a deployment wants to know.
type Event struct {
	At        time.Time
	Kind      EventKind
	State     catalog.DeploymentState // where the deployment stands; empty for a rollback or flip
	Host      string                  // empty when it is about no host
	Container string                  // its name; empty when it is about none
	Text      string                  // a sentence without a full stop; printable

	// What is deployed; all empty where an event does not say.
	Service string
	Target  catalog.Target
	Release string

	// Check is the check that it is about, of the container, else of the host;
	// empty when it is about none.
	Check string
	// Health is how the container or its check is; empty where an event does not
	// say.
	Health catalog.Health
}

// EventKind tells events apart that are rendered differently.
type EventKind int

// The kinds of event.
const (
	Entered EventKind = iota // the deployment entered State
	Step                     // something was done
	Note                     // something did not go as it should, and does not stop the deployment
)

// String is the kind in lower case.
func (k EventKind) String() string { return [...]string{"entered", "step", "note"}[k] }

// tell hands an event to whoever watches, one at a time.
func (d *Deployer) tell(e Event) {
	if d.opt.Progress == nil {
		return
	}
	e.At = d.opt.Now()
	e.Text = printable.Text(e.Text)
	d.telling.Lock()
	defer d.telling.Unlock()
	d.opt.Progress(e)
}
