package registrator

// maxPort is the highest port number.
const maxPort = 65535

// Options say how containers become registrations.
type Options struct {
	// Owner is the stable id of this registrator. It marks what it has written
	// and begins the instance ids, so it must not change with host names that do.
	Owner string
	// Address is where other hosts reach the published ports of this one.
	Address string
	// Internal registers the containers' own addresses and ports instead of the
	// published ones, for hosts that share a network with them.
	Internal bool
	// Explicit registers only what has a SERVICE_NAME.
	Explicit bool
}
