package docker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"teal/catalog"
)

// Start starts a container; one that runs already is fine.
func (e *Engine) Start(ctx context.Context, id string) error {
	return e.wrap(e.api.ContainerStart(ctx, id, container.StartOptions{}), "start container %s", id)
}

// Stop asks a container to end and kills it after the grace, rounded up to whole
// seconds. One that does not run, or is gone, is fine. It answers when the
// container has ended, so ctx must allow for the grace.
func (e *Engine) Stop(ctx context.Context, id string, grace time.Duration) error {
	err := e.api.ContainerStop(ctx, id, container.StopOptions{Timeout: new(max(0, seconds(grace)))})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return e.wrap(err, "stop container %s", id)
}

// Rename gives a container another name; the one it has is fine. The error is
// catalog.ErrNameTaken when another container has the name.
func (e *Engine) Rename(ctx context.Context, id, name string) error {
	in, err := e.api.ContainerInspect(ctx, id)
	if err != nil {
		return e.wrap(err, "rename container %s to %s", id, name)
	}
	if strings.TrimPrefix(in.Name, "/") == name {
		return nil
	}
	err = e.api.ContainerRename(ctx, id, name)
	if errdefs.IsConflict(err) {
		return fmt.Errorf("rename container %s to %s on %s: %w (%w)", id, name, e.endpoint, catalog.ErrNameTaken, err)
	}
	return e.wrap(err, "rename container %s to %s", id, name)
}

// Remove removes a container with its anonymous volumes, killing it if it runs.
// One that is gone is fine.
func (e *Engine) Remove(ctx context.Context, id string) error {
	err := e.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	if errdefs.IsConflict(err) {
		return e.awaitRemoval(ctx, id)
	}
	return e.wrap(err, "remove container %s", id)
}

// awaitRemoval waits for a removal that somebody else has begun.
func (e *Engine) awaitRemoval(ctx context.Context, id string) error {
	gone, errs := e.api.ContainerWait(ctx, id, container.WaitConditionRemoved)
	select {
	case <-gone:
		return nil
	case err := <-errs:
		if errdefs.IsNotFound(err) {
			return nil
		}
		return e.wrap(err, "wait for the removal of container %s", id)
	}
}
