package process

import (
	"fmt"
	"strings"

	"teal/catalog"
)

// checkIsolated refuses what a process without a network can't have.
func checkIsolated(spec catalog.ContainerSpec) error {
	if len(spec.Also) > 0 {
		return fmt.Errorf("it is to have no network and to join %s; take one of them away", strings.Join(spec.Also, ", "))
	}
	return nil
}

// errNotIsolated tells why a process could not be started without a network.
func errNotIsolated(err error) error {
	return fmt.Errorf("this system does not let a process of this user be kept from the network (%w); run it with Docker", err)
}
