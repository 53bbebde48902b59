package docker

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"teal/catalog"
)

// Pull makes sure that the engine has an image and answers its id, the digest of
// its configuration, which is the same on every host. An image that is there
// already is not asked for again: a tag that has moved since is not noticed, so
// deploy by digest, or by tags that never move. The error is catalog.ErrNoImage
// when the registry has none of that name either.
func (e *Engine) Pull(ctx context.Context, ref string) (string, error) {
	there, err := e.Image(ctx, ref)
	if !errors.Is(err, catalog.ErrNoImage) {
		return there.ID, err
	}
	err = e.pull(ctx, withoutTag(ref))
	if errdefs.IsNotFound(err) {
		return "", fmt.Errorf("pull image %s on %s: %w; see that it was pushed, and that this user may pull it (%w)", ref, e.endpoint, catalog.ErrNoImage, err)
	}
	if err != nil {
		return "", e.wrap(err, "pull image %s", ref)
	}
	there, err = e.Image(ctx, ref)
	return there.ID, err
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
	_, err = readProgress(progress, io.Discard)
	return err
}
