package catalog

import (
	"errors"
	"time"
)

// ErrNameTaken: another container on the host has that name already. It is
// wrapped in an error that says which name and where; compare with errors.Is.
var ErrNameTaken = errors.New("the container name is taken")

// Container is one container, or one process that stands in for it, as its
// host's runtime tells it.
type Container struct {
	ID      string // the incarnation: a new one each time it is created
	Name    string // without a leading slash
	Image   string // the reference it was created from
	ImageID string // the digest that reference meant then
	Labels  map[string]string
	Env     map[string]string
	Ports   []Port // each once, published where most clients can use it
	// Bindings are all the places where ports are published: a port has several
	// when IPv4 and IPv6, or several addresses of the host, are bound apart.
	Bindings []Port
	Networks []Network // ordered by name
	// NetworkMode is Docker's: "host" is the host's own network, "container:x"
	// that of container x. Anything else is told by Networks.
	NetworkMode string
	Running     bool // and able to answer: neither paused nor about to be restarted
	Paused      bool
	// Health is Docker's HEALTHCHECK: "", "starting", "healthy", "unhealthy".
	Health       string
	HealthOutput string // what the last run of the HEALTHCHECK said, cut short
	ExitCode     int    // of the last run, when it is not running
	Created      time.Time
	Started      time.Time // the present run, or the last
	StopSignal   int       // that asks it to end; 0 for SIGTERM
	// StopGrace is how long it may take to end by itself; 0 for the engine's usual.
	StopGrace time.Duration
}

// Port is one port of a container.
type Port struct {
	Private  int    // inside the container
	Protocol string // "tcp" or "udp"
	HostIP   string // where it is published, empty when it is not
	Host     int    // 0 when it is not published
}

// Network is a container's place in one network.
type Network struct {
	Name string
	IP   string // the IPv4 address, or the IPv6 address where there is no other
	IPv6 string
}

// Signal is one that somebody has sent to a container.
type Signal struct {
	Container string // its id
	Number    int
	At        time.Time // by the clock of the container's host
}

// NoNetwork is the network of a container that has none but its own loopback.
const NoNetwork = "none"

// ContainerSpec is what a container is started from.
type ContainerSpec struct {
	Name       string
	Image      string
	Entrypoint []string
	Command    []string
	Env        map[string]string
	Labels     map[string]string
	Ports      []Port   // Private and Protocol; Host stays 0 for a free one of the host's choice
	Network    string   // the private network, which must be there, or NoNetwork
	Hostnames  []string // the names it answers to in its networks
	Also       []string // further networks, which must be there
	Files      []File   // put into it before it starts
	Restart    string   // Docker's restart policy: "no", "always", "unless-stopped", "on-failure"
	StopGrace  time.Duration
	User       string
	WorkingDir string
	Volumes    []Volume
	// Healthcheck is how the runtime looks after it; nil for what its image says.
	Healthcheck *Healthcheck `json:",omitempty"`
	Sandbox     Sandbox      `json:",omitzero"`
}

// Volume is a named volume or a folder of the host, mounted into a container.
type Volume struct {
	Source   string // a volume's name, or an absolute path of the host
	Target   string
	ReadOnly bool
	// NoCopy leaves a new volume empty where the image has files at its target.
	NoCopy bool `json:",omitzero"`
	// Propagation is how mounts below a folder get in and out, in Docker's words, such
	// as rslave; empty for Docker's default.
	Propagation string `json:",omitzero"`
}

// File is a small file that is put into a container. What it holds may be secret
// and is never told or logged.
type File struct {
	Path    string // absolute, in the container
	Content []byte
	Mode    uint32 // permission bits
	UID     int
	GID     int
}
