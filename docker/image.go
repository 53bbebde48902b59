package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"teal/catalog"
)

// unnamed begins what older engines call an image without a name.
const unnamed = "<none>"

// Image is an image as the engine has it. The error is catalog.ErrNoImage when it
// has none of that name.
func (e *Engine) Image(ctx context.Context, ref string) (catalog.Image, error) {
	in, err := e.api.ImageInspect(ctx, withoutTag(ref))
	if errdefs.IsNotFound(err) {
		return catalog.Image{}, fmt.Errorf("image %s on %s: %w (%w)", ref, e.endpoint, catalog.ErrNoImage, err)
	}
	if err != nil {
		return catalog.Image{}, e.wrap(err, "inspect image %s", ref)
	}
	created, _ := time.Parse(time.RFC3339Nano, in.Created) // unreadable: unknown
	return catalog.Image{
		ID: in.ID, Tags: named(in.RepoTags), Digests: named(in.RepoDigests), Created: created, Size: in.Size,
	}, nil
}

// Images are those with a tag or a digest of a repository, which is an image's
// name without them: "registry:5000/shop-api".
func (e *Engine) Images(ctx context.Context, repository string) ([]catalog.Image, error) {
	wanted, err := reference.ParseNormalizedNamed(repository)
	if err != nil {
		return nil, fmt.Errorf("list the images of %s: %w", repository, err)
	}
	// The engine's own filter would leave out the other names of an image.
	all, err := e.api.ImageList(ctx, image.ListOptions{})
	if err != nil {
		return nil, e.wrap(err, "list the images of %s", repository)
	}
	var found []catalog.Image
	for _, s := range all {
		i := catalog.Image{
			ID: s.ID, Tags: named(s.RepoTags), Digests: named(s.RepoDigests), Created: time.Unix(s.Created, 0), Size: s.Size,
		}
		if isOf(i, wanted.Name()) {
			found = append(found, i)
		}
	}
	return found, nil
}

func named(refs []string) []string {
	return slices.DeleteFunc(slices.Clone(refs), func(ref string) bool { return strings.HasPrefix(ref, unnamed) })
}

// isOf tells whether an image has a name in a repository.
func isOf(i catalog.Image, repository string) bool {
	return slices.ContainsFunc(slices.Concat(i.Tags, i.Digests), func(ref string) bool {
		name, err := reference.ParseNormalizedNamed(ref)
		return err == nil && name.Name() == repository
	})
}

// RemoveImage removes an image with all its names. One that is gone is fine; one
// that a container is made from, running or not, is catalog.ErrInUse.
func (e *Engine) RemoveImage(ctx context.Context, id string) error {
	i, err := e.Image(ctx, id)
	if errors.Is(err, catalog.ErrNoImage) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := e.unused(ctx, i); err != nil {
		return err
	}
	for _, ref := range slices.Concat(i.Tags, i.Digests, []string{i.ID}) {
		_, err := e.api.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
		switch {
		case errdefs.IsNotFound(err): // it went with one of its other names
		case errdefs.IsConflict(err):
			return fmt.Errorf("remove image %s on %s: %w (%w)", ref, e.endpoint, catalog.ErrInUse, err)
		case err != nil:
			return e.wrap(err, "remove image %s", ref)
		}
	}
	return nil
}

// unused fails while containers are made from an image. The engine would refuse
// too, but only after it has taken away most of the image's names.
func (e *Engine) unused(ctx context.Context, i catalog.Image) error {
	found, err := e.api.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("ancestor", i.ID)),
	})
	if err != nil {
		return e.wrap(err, "list the containers of image %s", i.ID)
	}
	for _, c := range found {
		// The filter also matches images that are built on this one.
		if c.ImageID == i.ID {
			return fmt.Errorf("remove image %s on %s: %w by container %s", i.ID, e.endpoint, catalog.ErrInUse, strings.TrimPrefix(strings.Join(c.Names, " "), "/"))
		}
	}
	return nil
}

// Tag gives an image another name. The error is catalog.ErrNoImage when there is
// none of the name from.
func (e *Engine) Tag(ctx context.Context, from, to string) error {
	err := e.api.ImageTag(ctx, withoutTag(from), to)
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("tag image %s on %s: %w (%w)", from, e.endpoint, catalog.ErrNoImage, err)
	}
	return e.wrap(err, "tag image %s as %s", from, to)
}

// withoutTag is a reference without the tag before its digest, which says nothing
// and which not every engine finds an image by.
func withoutTag(ref string) string {
	name, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref // an id
	}
	digested, ok := name.(reference.Digested)
	if !ok {
		return ref
	}
	return reference.FamiliarName(name) + "@" + digested.Digest().String()
}
