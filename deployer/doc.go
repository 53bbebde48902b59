// Package deployer rolls a release out, as its service file says (package
// servicefile): it starts the new release in the colour nobody sees, waits for its
// checks, flips the alias, and lets the old colour drain. It also goes back, and
// tells how things stand.
//
// What should be is decided by pure functions (plan.Of, the arrangement of leftovers);
// the Deployer makes it so through the ports in port.go. Every step is recorded in the deployment's record before it is taken,
// so that a deployer may die anywhere: the next run on that service and
// environment finishes or reverts what it finds.
package deployer
