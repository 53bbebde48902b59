package docker

import (
	"context"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"golang.org/x/sync/errgroup"

	"teal/catalog"
)

// inspectors is how many containers are looked at at a time: enough to hide the
// way to a far engine, too few to bother a near one.
const inspectors = 8

// Containers lists all containers, running or not. Any error fails the whole
// list: half a list would read as containers that are gone.
func (e *Engine) Containers(ctx context.Context) ([]catalog.Container, error) {
	return e.List(ctx, nil)
}

// List lists the containers, running or not, that have all the labels; an empty
// value matches a label that has an empty value only. A container that vanishes
// while it is being looked at is left out; any other error fails the whole list.
func (e *Engine) List(ctx context.Context, labels map[string]string) ([]catalog.Container, error) {
	args := filters.NewArgs()
	for name, value := range labels {
		args.Add("label", name+"="+value)
	}
	found, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: args})
	if err != nil {
		return nil, e.wrap(err, "list the containers")
	}
	all, err := e.inspectAll(ctx, found)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c catalog.Container) bool { return c.ID == "" }), nil
}

// inspectAll looks at every container; one that has vanished is left zero.
func (e *Engine) inspectAll(ctx context.Context, found []container.Summary) ([]catalog.Container, error) {
	all := make([]catalog.Container, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inspectors)
	for i, summary := range found {
		group.Go(func() error {
			in, err := e.api.ContainerInspect(ctx, summary.ID)
			if errdefs.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return e.wrap(err, "inspect container %s", summary.ID)
			}
			all[i] = containerOf(in)
			return nil
		})
	}
	return all, group.Wait()
}
