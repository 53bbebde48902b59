package catalog

import (
	"fmt"
	"time"
)

// Verdict is what somebody wants of a deployment that is under way.
type Verdict string

// The verdicts.
const (
	Approve Verdict = "approve" // go on to the flip
	Abort   Verdict = "abort"   // stop and put everything back
)

// Decision is somebody's word about a deployment:
// teal/decisions/<service>/<environment>/<id>. Whoever runs the deployment reads
// it; its record says what came of it.
type Decision struct {
	Verdict Verdict   `json:"verdict"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Reason  string    `json:"reason,omitempty"`
	Index   uint64    `json:"-"` // the key's ModifyIndex
}

// Encode is the value of the decision's key.
func (d Decision) Encode() []byte { return encode(d) }

// ParseDecision reads what Encode wrote.
func ParseDecision(b []byte) (Decision, error) {
	d, err := decode[Decision](b)
	if err == nil && d.Verdict != Approve && d.Verdict != Abort {
		err = fmt.Errorf("verdict %q is neither %s nor %s", d.Verdict, Approve, Abort)
	}
	return d, err
}
