package store

import (
	"crypto/rand"
	"fmt"
)

// newUUID returns a random id of the form Consul uses for nodes and sessions.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
