package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// ServiceConfig is what a service says about itself: teal/services/<service>.
// The deployer writes it when it changed; the catalogue page shows it.
type ServiceConfig struct {
	Description string  `json:"description,omitempty"`
	Owner       string  `json:"owner,omitempty"`
	Source      string  `json:"source,omitempty"` // where its code lives, a URL
	Docs        string  `json:"docs,omitempty"`   // where its documentation lives, a URL
	Default     string  `json:"default,omitempty"`
	Routes      []Route `json:"routes,omitempty"`
	// Aliases are the further aliases of each environment, which its deployments and
	// rollbacks move together with its own.
	Aliases map[string][]string `json:"aliases,omitempty"`
	Traffic
	// Since is the key's CreateIndex: of two services that claim the same route
	// since the same time, the one with the smaller Since was there first. 0 means
	// that no key exists.
	Since uint64 `json:"-"`
}

// DefaultAlias is the alias that answers when a URI names none.
func (c ServiceConfig) DefaultAlias() string { return cmp.Or(c.Default, DefaultAlias) }

// IsZero tells whether the service says nothing.
func (c ServiceConfig) IsZero() bool {
	c.Since = 0
	return reflect.DeepEqual(c, ServiceConfig{})
}

// Route is a host, a path or both that a service claims for one of its aliases:
// "shop.example.com/", "shop.example.com/cart", "/shop".
type Route struct {
	Host  string `json:"host,omitempty"`
	Path  string `json:"path,omitempty"`
	Alias string `json:"alias,omitempty"` // empty for the default alias
	Strip bool   `json:"strip,omitempty"` // take the path prefix off before sending on
	// Since is when the service first declared the route: of two services that
	// claim it, the earlier keeps it. Zero is earlier than any time.
	Since time.Time `json:"since,omitzero"`
}

// ReleaseState says what a target's release is good for.
type ReleaseState string

// The states of a release in its target.
const (
	Staging ReleaseState = "staging" // being brought up; not to be flipped to yet
	Ready   ReleaseState = "ready"   // checked, and live or about to be
	Standby ReleaseState = "standby" // was live; what a rollback goes to
	Dirty   ReleaseState = "dirty"   // a deployment left it half done; not to be flipped to
)

// Release is what a target holds: teal/releases/<service>/<target>. Instances of
// that target with another release are not routed.
type Release struct {
	ID         string            `json:"release"`
	Revision   string            `json:"revision,omitempty"` // the commit
	Images     map[string]string `json:"images,omitempty"`   // compose service to digest
	Deployment string            `json:"deployment,omitempty"`
	State      ReleaseState      `json:"state"`
	At         time.Time         `json:"at"`
	Index      uint64            `json:"-"` // the key's ModifyIndex
}

// FlipRecord is the last flip made through Teal: teal/flips/<service>/<alias>.
// It is written in the alias's own transaction and so shares its ModifyIndex;
// where the two differ, somebody has flipped by hand since.
type FlipRecord struct {
	From       AliasValue `json:"from"`
	To         AliasValue `json:"to"`
	By         string     `json:"by"`
	At         time.Time  `json:"at"`
	Deployment string     `json:"deployment,omitempty"`
	Index      uint64     `json:"-"` // the key's ModifyIndex
}

// LockRecord tells a person who holds a deployment lock:
// teal/locks/<service>/<environment>.
type LockRecord struct {
	Holder     string    `json:"holder"` // user@host
	Deployment string    `json:"deployment"`
	Since      time.Time `json:"since"`
}

// RouterRecord is a living router: teal/routers/<id>. Its session deletes it.
type RouterRecord struct {
	ID      string    `json:"id"`
	Proxy   string    `json:"proxy"` // host:port that takes requests
	Admin   string    `json:"admin"` // base URL of the admin API
	Applied uint64    `json:"applied"`
	Version string    `json:"version,omitempty"`
	Since   time.Time `json:"since"`
}

// HostRecord is a Docker host, as its registrator tells it: teal/hosts/<node>.
type HostRecord struct {
	Node     string            `json:"node"`     // of its Consul agent
	Endpoint string            `json:"endpoint"` // its Docker engine, as deployers reach it
	Labels   map[string]string `json:"labels,omitempty"`
	Cores    int               `json:"cores"`
	Memory   int64             `json:"memory"` // bytes
	Docker   string            `json:"docker"` // version of the engine
	// Engine is the engine's own id, which is the same however it is reached; empty
	// in records of older versions.
	Engine string `json:"engine,omitempty"`
	// DiskFree is how many bytes are free where the engine keeps its data, to
	// within a tenth; 0 when the registrator can't see that.
	DiskFree    int64     `json:"disk_free,omitempty"`
	Registrator string    `json:"registrator,omitempty"`
	At          time.Time `json:"at"` // when it was written
}

// Machine is what a Docker engine tells of itself and of what it runs on.
type Machine struct {
	Engine string // the engine's own id
	Cores  int
	Memory int64  // bytes
	Docker string // version of the engine
	Root   string // where the engine keeps its data, a path on its host
}

// Same tells whether two records differ in nothing but their time.
func (h HostRecord) Same(o HostRecord) bool {
	h.At = o.At
	return bytes.Equal(h.Encode(), o.Encode())
}

// encode writes a record for people to read too: `consul kv get` shows it.
func encode(record any) []byte {
	b, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("catalog: encode %T: %v", record, err)) // records hold only what JSON can
	}
	return append(b, '\n')
}

// decode reads a record. Unknown fields are allowed: a newer Teal may have
// written them.
func decode[T any](b []byte) (T, error) {
	var record T
	if err := json.Unmarshal(bytes.TrimSpace(b), &record); err != nil {
		return record, fmt.Errorf("not the JSON of a %T: %w", record, err)
	}
	return record, nil
}

// Encode is the value of the service's key.
func (c ServiceConfig) Encode() []byte { return encode(c) }

// ParseServiceConfig reads what Encode wrote.
func ParseServiceConfig(b []byte) (ServiceConfig, error) { return decode[ServiceConfig](b) }

// Encode is the value of the release's key.
func (r Release) Encode() []byte { return encode(r) }

// ParseRelease reads what Encode wrote.
func ParseRelease(b []byte) (Release, error) { return decode[Release](b) }

// Encode is the value of the flip record's key.
func (f FlipRecord) Encode() []byte { return encode(f) }

// ParseFlipRecord reads what Encode wrote.
func ParseFlipRecord(b []byte) (FlipRecord, error) { return decode[FlipRecord](b) }

// Encode is the value of the lock's key.
func (l LockRecord) Encode() []byte { return encode(l) }

// ParseLockRecord reads what Encode wrote.
func ParseLockRecord(b []byte) (LockRecord, error) { return decode[LockRecord](b) }

// Encode is the value of the router's key.
func (r RouterRecord) Encode() []byte { return encode(r) }

// ParseRouterRecord reads what Encode wrote.
func ParseRouterRecord(b []byte) (RouterRecord, error) { return decode[RouterRecord](b) }

// Encode is the value of the host's key.
func (h HostRecord) Encode() []byte { return encode(h) }

// ParseHostRecord reads what Encode wrote.
func ParseHostRecord(b []byte) (HostRecord, error) { return decode[HostRecord](b) }
