// Package hosttest is what a deployer's host, and a registrator's runtime, must
// do, as a test suite. Every kind of host runs it: where two differ, one of them
// is wrong.
package hosttest

import (
	"context"

	"teal/catalog"
	"teal/deployer/hosts"
)

// Host is one place where containers run, as the deployer and the registrator
// see it together.
type Host interface {
	hosts.Host

	Containers(ctx context.Context) ([]catalog.Container, error)
	Changes(ctx context.Context) (<-chan struct{}, error)
}
