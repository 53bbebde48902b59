package catalog

import (
	"strings"
	"time"
)

// DrainRequest asks the registrator of a node to put one instance into
// maintenance until it is gone: teal/drains/<node>/<instance id>. Deleting the
// key takes the request back.
type DrainRequest struct {
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at,omitzero"`
	// Container is the instance's container when the request was made: a later
	// one under the same id is not meant. Empty means any.
	Container string `json:"container,omitempty"`
	// Owner is the registrator that is asked; empty means whose the instance is.
	Owner string `json:"owner,omitempty"`
}

// String is who asks and why, on one line.
func (d DrainRequest) String() string {
	words := []string{"asked by " + d.By, d.Reason}
	if d.By == "" {
		words = words[1:]
	}
	return strings.Join(strings.Fields(strings.Trim(strings.Join(words, ": "), ": ")), " ")
}

// Encode is the value of the request's key.
func (d DrainRequest) Encode() []byte { return encode(d) }

// ParseDrainRequest reads what Encode wrote. Any other text is a reason that
// somebody wrote by hand, so this never fails.
func ParseDrainRequest(b []byte) DrainRequest {
	d, err := decode[DrainRequest](b)
	if err != nil {
		return DrainRequest{Reason: strings.TrimSpace(strings.ToValidUTF8(string(b), "\uFFFD"))}
	}
	return d
}
