// Package work is what passes between the deployer and the platform on which its
// containers run: what is wanted, what is there, and what is kept. A platform needs
// to know nothing else of a deployment.
package work

import (
	"errors"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/servicefile"
)

// ErrBroken is that what was started has ended or is gone: waiting does not mend it.
var ErrBroken = errors.New("the new containers do not run on")

// Order is what a deployment wants of a platform. It is a value, as its record is
// when it is given; what it points to is not changed meanwhile.
type Order struct {
	Spec   *servicefile.Spec
	Env    servicefile.Environment
	Plan   plan.Plan
	Record catalog.Deployment
	// Later is how many of the instances are still to be started, at the places that
	// come last.
	Later int
	// Step and Note tell what is done, and what does not go as it should. Place and
	// container may be empty. Both may be called from any goroutine.
	Step func(place, container, format string, args ...any)
	Note func(format string, args ...any)
}

// Placed is a container and the place where it runs.
type Placed struct {
	catalog.Container
	Place string // what records call it
}
