// Package deployer rolls a release out, as its service file says (package
// servicefile): it starts the new release in the colour nobody sees, waits for its
// checks, flips the alias, and lets the old colour drain. It also goes back, and
// tells how things stand.
//
// What should be is decided by pure functions, such as those of package plan; the
// Deployer makes it so through a platform (platform.go) and the ports in port.go.
// Every step is recorded in the deployment's record before it is taken, so that a
// deployer may die anywhere: the next run on that service and environment finishes
// or reverts what it finds.
//
// The rooms inside hold what needs no state machine, and none of them imports this
// package: the platform of Docker engines (hosts), what passes to a platform (work),
// the plan of containers (plan), the making of images (images), notifications
// (notify), and what a checkout is (revision).
package deployer
