package deployer

import (
	"context"
	"io"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/work"
)

// platform is where the containers of an environment run. Deployments, rollbacks
// and the settling of what dead deployers left go through it and know of no host:
// a scheduler that places containers itself can stand in its place. Every method
// may meet its own half-done work and finishes it. The one there is, of Docker
// engines, is hosts.Platform.
type platform interface {
	// Places are what records call the parts of the platform that are used, in
	// order; missed are those that were left out as they did not answer.
	Places() (used, missed []string)
	// Instances is how many of the routed part the work brings.
	Instances(w work.Order) int
	// Preflight is why the work can't be done, before anything is touched.
	Preflight(ctx context.Context, w work.Order) error
	// Pull makes the images of the work available and answers what each part's is
	// there.
	Pull(ctx context.Context, w work.Order) (map[string]string, error)
	// Stage puts aside what the target holds and starts the work, a batch at a time.
	// After each batch but the last it calls ready with how many instances run by
	// then.
	Stage(ctx context.Context, w work.Order, ready func(ctx context.Context, instances int) error) error
	// Containers are those of the work. One that has failed, or is gone, is an error
	// that wraps work.ErrBroken; any other error means that they can't be seen now.
	Containers(ctx context.Context, w work.Order) ([]work.Placed, error)
	// Once runs a container beside the work to its end, on one place, with its
	// output in out. Nothing of it is left, however it ends.
	Once(ctx context.Context, w work.Order, c plan.Container, out io.Writer) (exitCode int, err error)
	// Logs are the last words of those containers of the work that may tell why it
	// does not pass.
	Logs(ctx context.Context, w work.Order) []work.ContainerLog
	// Holds is the name of a container of the deployment that has been started; empty
	// when it has none.
	Holds(ctx context.Context, record catalog.Deployment) (string, error)
	// Restore removes the deployment's containers and brings back what it put aside.
	Restore(ctx context.Context, record catalog.Deployment) error
	// Finish keeps the release that the deployment put aside, stopped, and removes
	// what is beyond the releases that its environment keeps.
	Finish(ctx context.Context, record catalog.Deployment) error
	// Revive starts what is there of a release in a target and answers how many
	// instances run then, and how many of those it started. The error is why others
	// don't.
	Revive(ctx context.Context, service string, t catalog.Target, release catalog.Release) (running, started int, err error)
	// Resting is how many instances there are of it, and how many of those are stopped.
	// It changes nothing.
	Resting(ctx context.Context, service string, t catalog.Target, release catalog.Release) (all, stopped int, err error)
	// Recall finds the newest that is kept of the record's release, as it is to come
	// up in the record's target, and goes on with those places only that have it.
	Recall(ctx context.Context, record catalog.Deployment) (work.Recalled, error)
	// Rest stops the containers of a target and keeps them.
	Rest(ctx context.Context, service string, t catalog.Target) error
}
