package docker

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"teal/catalog"
)

// Start starts a container; one that runs already is fine. The error says which
// port of the host somebody else has, where that is why.
func (e *Engine) Start(ctx context.Context, id string) error {
	err := e.api.ContainerStart(ctx, id, container.StartOptions{})
	if port := takenPort(err); port != "" {
		return fmt.Errorf("start container %s on %s: port %s of the host is taken by another container or program; end that, or publish another port: %w", id, e.endpoint, port, err)
	}
	return e.wrap(err, "start container %s", id)
}

// portTaken is how engines say that a port of the host is somebody else's: their
// own book says so, or the system does.
var portTaken = regexp.MustCompile(`[Bb]ind for \S*:(\d+) failed: port is already allocated` +
	`|listen \w+ \S*:(\d+): bind: address already in use` +
	`|bind host port (?:for )?\S*?:(\d+)[:/]\S*: address already in use`)

// takenPort is the port that a start has failed for; empty when that is not why.
func takenPort(err error) string {
	if err == nil {
		return ""
	}
	for _, port := range portTaken.FindStringSubmatch(err.Error()) {
		if _, err := strconv.Atoi(port); err == nil {
			return port
		}
	}
	return ""
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

// Wait waits until a container has ended, for good where it is restarted, and
// answers the exit code of its last run. It answers at once for one that does not
// run.
func (e *Engine) Wait(ctx context.Context, id string) (int, error) {
	for {
		code, err := e.awaitEnd(ctx, id)
		if err != nil {
			return 0, e.wrap(err, "wait for container %s", id)
		}
		in, err := e.api.ContainerInspect(ctx, id)
		if errdefs.IsNotFound(err) {
			return code, nil // removed as soon as it had ended
		}
		if err != nil {
			return 0, e.wrap(err, "wait for container %s", id)
		}
		if !in.State.Running && !in.State.Restarting {
			return in.State.ExitCode, nil
		}
	}
}

// awaitEnd waits for the end of a container's run, which another may follow.
func (e *Engine) awaitEnd(ctx context.Context, id string) (int, error) {
	ended, errs := e.api.ContainerWait(ctx, id, container.WaitConditionNotRunning)
	select {
	case end := <-ended:
		if end.Error != nil {
			return 0, errors.New(end.Error.Message)
		}
		return int(end.StatusCode), nil
	case err := <-errs:
		return 0, err
	}
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
