package docker

import (
	"context"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"teal/catalog"
)

// Push sends an image to the registry of its name, with what `docker login` has
// left on this machine, and answers its name with the digest that it has there.
// What the engine tells meanwhile is copied to out. The error is
// catalog.ErrNoImage when the engine has none of that name.
func (e *Engine) Push(ctx context.Context, ref string, out io.Writer) (pinned string, err error) {
	name, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", fmt.Errorf("push image %s: %w", ref, err)
	}
	if !reference.IsNameOnly(name) {
		if _, tagged := name.(reference.Tagged); !tagged {
			return "", fmt.Errorf("push image %s: a digest is what a registry answers; give the image a tag and push that", ref)
		}
	}
	if _, err := e.Image(ctx, ref); err != nil {
		return "", fmt.Errorf("push: %w", err)
	}
	digest, err := e.push(ctx, ref, out)
	if errdefs.IsNotFound(err) {
		return "", fmt.Errorf("push image %s on %s: %w (%w)", ref, e.endpoint, catalog.ErrNoImage, err)
	}
	if err != nil {
		return "", e.wrap(err, "push image %s", ref)
	}
	if digest == "" {
		return "", fmt.Errorf("push image %s on %s: the registry has told no digest; push it again", ref, e.endpoint)
	}
	return reference.FamiliarName(name) + "@" + digest, nil
}

func (e *Engine) push(ctx context.Context, ref string, out io.Writer) (digest string, err error) {
	auth, err := registryAuth(ctx, ref)
	if err == nil && auth == "" { // an engine wants to be told that there is none
		auth, err = registry.EncodeAuthConfig(registry.AuthConfig{})
	}
	if err != nil {
		return "", err
	}
	progress, err := e.api.ImagePush(ctx, ref, image.PushOptions{RegistryAuth: auth})
	if err != nil {
		return "", err
	}
	defer progress.Close()
	return readProgress(progress, out)
}
