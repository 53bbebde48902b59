package registrator

import (
	"fmt"
	"net/netip"
	"strings"
)

// maxPort is the highest port number.
const maxPort = 65535

// Options say how containers become registrations.
type Options struct {
	// Owner is the stable id of this registrator. It marks what it has written
	// and begins the instance ids, so it must not change with host names that do.
	Owner string
	// Address is where other hosts reach the published ports of this one.
	Address string
	// AgentOnLoopback tells that the Consul agent itself is on loopback, so that
	// loopback addresses mean the same to all who read them.
	AgentOnLoopback bool
	// Internal registers the containers' own addresses and ports instead of the
	// published ones, for hosts that share a network with them.
	Internal bool
	// Explicit registers only what has a SERVICE_NAME.
	Explicit bool
	// Tags are added to those of every service.
	Tags []string
	// Adopt takes over what the classic registrator has registered of the same
	// containers.
	Adopt bool
}

// check tells why the options can't be used.
func (o Options) check() error {
	switch {
	case o.Owner == "":
		return fmt.Errorf("the registrator has no owner id; give it one that stays the same over restarts")
	case o.Address != "":
		return o.advertisable(o.Address)
	case !o.Internal:
		return fmt.Errorf("the registrator does not know the address of its host; give it the one that the routers reach")
	}
	return nil
}

// advertisable tells why other hosts can't be told an address.
func (o Options) advertisable(address string) error {
	ip, err := netip.ParseAddr(address)
	switch {
	case err == nil && ip.Unmap().IsUnspecified():
		return fmt.Errorf("%s is not the address of anything; give one that the routers reach", address)
	case o.AgentOnLoopback:
		return nil
	case err == nil && ip.Unmap().IsLoopback(), strings.EqualFold(address, "localhost"):
		return fmt.Errorf("%s is a different machine on every host; give an address that the routers reach", address)
	}
	return nil
}
