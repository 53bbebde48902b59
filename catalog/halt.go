package catalog

import (
	"fmt"
	"time"
)

// HaltKind is what becomes of the requests to a halted alias.
type HaltKind string

// The kinds.
const (
	HaltPause       HaltKind = "pause"       // they wait for the end of the halt
	HaltMaintenance HaltKind = "maintenance" // they are answered with 503 and the service's page
)

// Halt keeps the requests of an alias away from its instances for a while:
// teal/halts/<service>/<alias>. It ends when its key is deleted.
type Halt struct {
	Kind      HaltKind  `json:"kind"`
	MaxWaitMS int64     `json:"max_wait_ms,omitempty"` // how long a request waits at most; 0 for the router's default
	MaxQueue  int       `json:"max_queue,omitempty"`   // how many may wait in each router; 0 for the router's default
	By        string    `json:"by,omitempty"`
	At        time.Time `json:"at,omitzero"`
	Index     uint64    `json:"-"` // the key's ModifyIndex
}

// Encode is the value of the halt's key.
func (h Halt) Encode() []byte { return encode(h) }

// ParseHalt reads what Encode wrote.
func ParseHalt(b []byte) (Halt, error) {
	h, err := decode[Halt](b)
	if err == nil && h.Kind != HaltPause && h.Kind != HaltMaintenance {
		err = fmt.Errorf("halt kind %q is neither %s nor %s", h.Kind, HaltPause, HaltMaintenance)
	}
	return h, err
}
