package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
)

// Pull makes sure that the engine has an image and answers its id, the digest of
// its configuration, which is the same on every host. An image that is there
// already is not asked for again: a tag that has moved since is not noticed, so
// deploy by digest, or by tags that never move.
func (e *Engine) Pull(ctx context.Context, ref string) (string, error) {
	id, err := e.imageID(ctx, ref)
	if err == nil || !errdefs.IsNotFound(err) {
		return id, err
	}
	if err := e.pull(ctx, ref); err != nil {
		return "", e.wrap(err, "pull image %s", ref)
	}
	return e.imageID(ctx, ref)
}

func (e *Engine) imageID(ctx context.Context, ref string) (string, error) {
	in, err := e.api.ImageInspect(ctx, ref)
	return in.ID, e.wrap(err, "inspect image %s", ref)
}

func (e *Engine) pull(ctx context.Context, ref string) error {
	auth, err := registryAuth(ctx, ref)
	if err != nil {
		return err
	}
	progress, err := e.api.ImagePull(ctx, ref, image.PullOptions{RegistryAuth: auth})
	if err != nil {
		return err
	}
	defer progress.Close()
	return pullResult(progress)
}

// pullResult reads the progress of a pull to its end, which is when the pull is
// done, and answers the failure that it told of.
func pullResult(progress io.Reader) error {
	decoder := json.NewDecoder(progress)
	for {
		var line struct {
			Error string `json:"error"`
		}
		err := decoder.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the progress: %w", err)
		case line.Error != "":
			return errors.New(line.Error)
		}
	}
}
