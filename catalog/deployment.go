package catalog

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"time"
)

// DeploymentState is where a deployment stands. It is recorded before what it
// names is done.
type DeploymentState string

// The states, in the order a good deployment passes them, then how it may end.
const (
	Pending  DeploymentState = "pending"
	Locked   DeploymentState = "locked"
	Pulling  DeploymentState = "pulling"
	Starting DeploymentState = "staging"
	Checking DeploymentState = "checking"
	// Testing is entered where the service file declares gates.
	Testing DeploymentState = "testing"
	// AwaitingApproval is entered where the environment asks for a person's word.
	// Nobody need run while it lasts.
	AwaitingApproval DeploymentState = "awaiting-approval"
	// Flipping lasts through all steps of a canary. It is entered again for each.
	Flipping DeploymentState = "flipping"
	Draining DeploymentState = "draining"
	// Baking is entered where the service file asks for a watch after the flip.
	Baking    DeploymentState = "baking"
	Succeeded DeploymentState = "succeeded"

	Failed  DeploymentState = "failed"
	Aborted DeploymentState = "aborted"
	// Superseded is a deployment that gave way to somebody else's flip, or to a
	// later deployment.
	Superseded DeploymentState = "superseded"
	// RollingBack is a deployment whose release got requests and is taken back.
	RollingBack    DeploymentState = "rolling-back"
	RolledBack     DeploymentState = "rolled-back"
	RollbackFailed DeploymentState = "rollback-failed"
)

// Ended tells whether nothing more will happen in this state.
func (s DeploymentState) Ended() bool {
	switch s {
	case Succeeded, Failed, Aborted, Superseded, RolledBack, RollbackFailed:
		return true
	}
	return false
}

// ErrChanged: a record is not what it was when it was read.
var ErrChanged = errors.New("the record was written since it was read")

// Deployment is one run of the deployer:
// teal/deployments/<service>/<environment>/<id>.
type Deployment struct {
	ID          string     `json:"id"` // sorts by time
	Service     string     `json:"service"`
	Environment string     `json:"environment"`
	Target      Target     `json:"target"`
	Previous    AliasValue `json:"previous"` // what the alias pointed at when it began
	Release     string     `json:"release"`
	Revision    string     `json:"revision,omitempty"`
	Spec        string     `json:"spec,omitempty"` // digest of the service file as it was resolved
	Hosts       []string   `json:"hosts,omitempty"`
	By          string     `json:"by"`
	Replaces    *Release   `json:"replaces,omitempty"` // what the target held, put back if it fails
	// Containers are what it brings to its target. Records of older versions have
	// none.
	Containers []DeployedContainer `json:"containers,omitempty"`
	// Images are what its parts run, by part: pinned by digest where a registry
	// knows the image. A promotion brings these very ones elsewhere.
	Images map[string]string `json:"images,omitempty"`
	// Committed is when the commit it was built from was made; zero when that is
	// not known.
	Committed time.Time `json:"committed,omitzero"`
	// Tasks are the once-only tasks that it has begun.
	Tasks []TaskRun `json:"tasks,omitempty"`
	// Approval is what it waits for, and what came of it.
	Approval *Approval `json:"approval,omitempty"`
	// Together are the other services whose aliases move in the same transaction.
	Together []string `json:"together,omitempty"`
	// From is the environment whose release it promotes; empty for one that was
	// deployed from its file.
	From string `json:"from,omitempty"`
	// RolledBackTo is the deployment whose release, which its hosts had kept, this one
	// brings back; empty for one that brings a release of its own.
	RolledBackTo string `json:"rolled_back_to,omitempty"`
	// Keep is how many releases of the environment stay on its hosts, live and standby
	// among them; 0 in records of older versions.
	Keep int `json:"keep,omitempty"`
	// Notify are those who are told how it goes and whose addresses are in variables: a
	// rollback, which has no service file, tells them too. Addresses themselves may be
	// secret and are never recorded.
	Notify []Notify `json:"notify,omitempty"`
	// Declared is what it changes of what its service says about itself; nil before it
	// is to be flipped to, and where it changes nothing.
	Declared *Declaration `json:"declared,omitempty"`
	// Missed are the hosts that did not answer and were left out.
	Missed   []string        `json:"missed,omitempty"`
	State    DeploymentState `json:"state"`
	Reason   string          `json:"reason,omitempty"` // why it failed, a sentence
	Timeline []Moment        `json:"timeline"`
	Index    uint64          `json:"-"` // the key's ModifyIndex
}

// HasPassed tells whether a record has gone on from where another one of the same
// deployment is, or has another end: of what was written with a flip, nothing else may
// take the place. It is pure.
func (d Deployment) HasPassed(other Deployment) bool {
	n := len(d.Timeline)
	if n != len(other.Timeline) || n == 0 {
		return n > len(other.Timeline)
	}
	last, others := d.Timeline[n-1], other.Timeline[n-1]
	if last.State == others.State && last.At.Equal(others.At) {
		return false
	}
	switch last.State {
	case Flipping, Draining, Baking, RollingBack:
		return true
	}
	return last.State.Ended()
}

// Declaration is a change of what a service says about itself, recorded before it is
// made: a deployment that fails takes it back. What does not change is left out.
type Declaration struct {
	Before ServiceConfig `json:"before"`
	After  ServiceConfig `json:"after"`
}

// DeployedContainer is one container of a deployment.
type DeployedContainer struct {
	Name  string   `json:"name"`
	Spec  string   `json:"spec"`            // the value of its LabelSpec
	Hosts []string `json:"hosts,omitempty"` // endpoints; empty for all of the deployment
	// Routed tells that it takes requests: it has an instance. Records of older
	// versions tell it of none.
	Routed bool `json:"routed,omitempty"`
}

// Instances is how many instances the deployment brings to its hosts; 0 where it
// does not tell.
func (d Deployment) Instances() int {
	n := 0
	for _, endpoint := range d.Hosts {
		for _, c := range d.Containers {
			if c.Routed && c.On(endpoint) {
				n++
			}
		}
	}
	return n
}

// On tells whether the container belongs on a host.
func (c DeployedContainer) On(endpoint string) bool {
	return len(c.Hosts) == 0 || slices.Contains(c.Hosts, endpoint)
}

// Notify is somebody who is told how a deployment goes, in the words of its service
// file.
type Notify struct {
	Kind     string `json:"kind"`
	Variable string `json:"variable"` // that holds the address
	When     string `json:"when"`
}

// TaskRun is one run of a once-only task.
type TaskRun struct {
	Name       string    `json:"name"`
	Reversible bool      `json:"reversible"`
	Began      time.Time `json:"began"`
	Ended      time.Time `json:"ended,omitzero"` // zero while it runs, or when its deployer died
	Undone     time.Time `json:"undone,omitzero"`
}

// Approval is a person's word that a deployment waits for.
type Approval struct {
	Until time.Time `json:"until"` // when Then counts
	// Then is what happens when nobody has spoken until then.
	Then Verdict   `json:"then"`
	By   string    `json:"by,omitempty"` // who approved; empty while nobody has
	At   time.Time `json:"at,omitzero"`
}

// Moment is when a deployment entered a state.
type Moment struct {
	State DeploymentState `json:"state"`
	At    time.Time       `json:"at"`
	Note  string          `json:"note,omitempty"`
}

// Enter is the deployment after it has gone into state at a time. The receiver
// is not changed.
func (d Deployment) Enter(state DeploymentState, at time.Time, note string) Deployment {
	d.State = state
	d.Timeline = append(append([]Moment(nil), d.Timeline...), Moment{State: state, At: at.UTC(), Note: note})
	return d
}

// Encode is the value of the deployment's key.
func (d Deployment) Encode() []byte { return encode(d) }

// ParseDeployment reads what Encode wrote.
func ParseDeployment(b []byte) (Deployment, error) { return decode[Deployment](b) }

// NewDeploymentID is an id that sorts by time and is unlikely to be made twice.
func NewDeploymentID(now time.Time) string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return now.UTC().Format("20060102t150405.000z") + "-" + hex.EncodeToString(b[:])
}

// HeldLock is a deployment lock that is there, and what Consul says of its
// holder.
type HeldLock struct {
	LockRecord
	// Session is the holder's; empty for a key that was written by hand, which
	// keeps nobody out.
	Session string
	// Alive tells that Consul has the session. That of a holder that was killed
	// lives on for up to SessionAfterlife.
	Alive bool
	Index uint64 // the key's ModifyIndex
}

// SessionAfterlife is how long the session of a process that was killed may
// outlive it: twice its TTL of ten seconds.
const SessionAfterlife = 20 * time.Second
