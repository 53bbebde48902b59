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
	Testing   DeploymentState = "testing"
	Flipping  DeploymentState = "flipping"
	Draining  DeploymentState = "draining"
	Succeeded DeploymentState = "succeeded"
	Failed    DeploymentState = "failed"
	Aborted   DeploymentState = "aborted"
	// Superseded is a deployment whose flip lost to somebody else's.
	Superseded DeploymentState = "superseded"
)

// Ended tells whether nothing more will happen in this state.
func (s DeploymentState) Ended() bool {
	switch s {
	case Succeeded, Failed, Aborted, Superseded:
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
	State      DeploymentState     `json:"state"`
	Reason     string              `json:"reason,omitempty"` // why it failed, a sentence
	Timeline   []Moment            `json:"timeline"`
	Index      uint64              `json:"-"` // the key's ModifyIndex
}

// DeployedContainer is one container of a deployment.
type DeployedContainer struct {
	Name  string   `json:"name"`
	Spec  string   `json:"spec"`            // the value of its LabelSpec
	Hosts []string `json:"hosts,omitempty"` // endpoints; empty for all of the deployment
}

// On tells whether the container belongs on a host.
func (c DeployedContainer) On(endpoint string) bool {
	return len(c.Hosts) == 0 || slices.Contains(c.Hosts, endpoint)
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
