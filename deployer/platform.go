package deployer

import (
	"context"
	"io"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// platform is where the containers of an environment run. Deployments, rollbacks
// and the settling of what dead deployers left go through it and know of no host:
// a scheduler that places containers itself can stand in its place. Every method
// may meet its own half-done work and finishes it.
type platform interface {
	// places are what records call the parts of the platform that are used, in
	// order; missed are those that were left out as they did not answer.
	places() (used, missed []string)
	// instances is how many of the routed part the work brings.
	instances(w work) int
	// preflight is why the work can't be done, before anything is touched.
	preflight(ctx context.Context, w work) error
	// pull makes the images of the work available and answers what each part's is
	// there.
	pull(ctx context.Context, w work) (map[string]string, error)
	// stage puts aside what the target holds and starts the work, a batch at a time.
	// After each batch but the last it calls ready with how many instances run by
	// then.
	stage(ctx context.Context, w work, ready func(ctx context.Context, instances int) error) error
	// containers are those of the work. One that has failed, or is gone, is an error
	// that wraps errBroken; any other error means that they can't be seen now.
	containers(ctx context.Context, w work) ([]placed, error)
	// once runs a container beside the work to its end, on one place, with its
	// output in out. Nothing of it is left, however it ends.
	once(ctx context.Context, w work, c PlannedContainer, out io.Writer) (exitCode int, err error)
	// logs are the last words of those containers of the work that may tell why it
	// does not pass.
	logs(ctx context.Context, w work) []ContainerLog
	// holds is the name of a container of the deployment that has been started; empty
	// when it has none.
	holds(ctx context.Context, record catalog.Deployment) (string, error)
	// restore removes the deployment's containers and brings back what it put aside.
	restore(ctx context.Context, record catalog.Deployment) error
	// finish keeps the release that the deployment put aside, stopped, and removes
	// what is beyond the releases that its environment keeps.
	finish(ctx context.Context, record catalog.Deployment) error
	// revive starts what is there of a release in a target and answers how many
	// instances run then, and how many of those it started. The error is why others
	// don't.
	revive(ctx context.Context, service string, t catalog.Target, release catalog.Release) (running, started int, err error)
	// resting is how many instances there are of it, and how many of those are stopped.
	// It changes nothing.
	resting(ctx context.Context, service string, t catalog.Target, release catalog.Release) (all, stopped int, err error)
	// recall finds the newest that is kept of the record's release, as it is to come
	// up in the record's target, and goes on with those places only that have it.
	recall(ctx context.Context, record catalog.Deployment) (recalled, error)
	// rest stops the containers of a target and keeps them.
	rest(ctx context.Context, service string, t catalog.Target) error
}

// placed is a container and the place where it runs.
type placed struct {
	catalog.Container
	place string
}

// work is what a deployment wants of a platform.
type work struct {
	spec   *servicefile.Spec
	env    servicefile.Environment
	plan   HostPlan
	record catalog.Deployment
	// later is how many of the instances are still to be started, at the places that
	// come last.
	later int
	// step and note tell what is done, and what does not go as it should. place and
	// container may be empty.
	step func(place, container, format string, args ...any)
	note func(format string, args ...any)
}
