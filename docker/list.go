package docker

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"golang.org/x/sync/errgroup"

	"teal/catalog"
)

// How many containers are looked at at a time: enough to hide the way to a far
// engine, too few to bother a near one. Over SSH each at a time is a connection,
// and to log in takes longer than many looks.
const (
	inspectors    = 8
	sshInspectors = 2
)

// Containers lists all containers, running or not. Any error fails the whole
// list: half a list would read as containers that are gone. While Changes tells
// of events, containers that nothing has happened to are told from memory; maps
// and slices in the answer are not the caller's to change.
func (e *Engine) Containers(ctx context.Context) ([]catalog.Container, error) {
	look := e.memory.look(time.Now())
	all, err := e.lookAround(ctx, look)
	look.end(all)
	return all, err
}

func (e *Engine) lookAround(ctx context.Context, look *look) ([]catalog.Container, error) {
	texts, err := e.texts(ctx)
	if err != nil {
		return e.List(ctx, nil) // slowly, or with an error in the SDK's words
	}
	return inspectAll(ctx, e.inspectors, texts, func(ctx context.Context, text []byte) (catalog.Container, error) {
		var s container.Summary
		if err := json.Unmarshal(text, &s); err != nil {
			return catalog.Container{}, e.wrap(err, "read what the list of containers tells")
		}
		if c, ok := look.recognise(s, text); ok {
			return c, nil
		}
		c, err := e.inspect(ctx, s.ID)
		if err == nil && c.ID != "" {
			look.keep(s, text, c)
		}
		return c, err
	}, look.recall)
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
	return inspectAll(ctx, e.inspectors, found, func(ctx context.Context, s container.Summary) (catalog.Container, error) {
		return e.inspect(ctx, s.ID)
	}, nil)
}

// inspectAll looks at everything that was found and that recall, if there is one,
// does not answer for, so many at a time. Containers that have vanished are left
// out.
func inspectAll[T any](ctx context.Context, most int, found []T, inspect func(context.Context, T) (catalog.Container, error), recall func(T) (catalog.Container, bool)) ([]catalog.Container, error) {
	all := make([]catalog.Container, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(most)
	for i, one := range found {
		if recall != nil {
			var ok bool
			if all[i], ok = recall(one); ok {
				continue
			}
		}
		group.Go(func() (err error) {
			all[i], err = inspect(ctx, one)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c catalog.Container) bool { return c.ID == "" }), nil
}

// inspect looks at one container; it is zero when it has vanished.
func (e *Engine) inspect(ctx context.Context, id string) (catalog.Container, error) {
	in, err := e.api.ContainerInspect(ctx, id)
	if errdefs.IsNotFound(err) {
		return catalog.Container{}, nil
	}
	if err != nil {
		return catalog.Container{}, e.wrap(err, "inspect container %s", id)
	}
	return containerOf(in), nil
}
