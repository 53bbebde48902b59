package hosts

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"teal/deployer/plan"
	"teal/deployer/servicefile"
	"teal/deployer/work"
)

// Pull gets the images onto all hosts at once.
func (p *Platform) Pull(ctx context.Context, w work.Order) (map[string]string, error) {
	pulled := &pulledImages{of: map[string]pulledImage{}}
	err := p.onAll(ctx, w, p.used(), func(ctx context.Context, h Connected) error {
		return pulled.on(ctx, w, h)
	})
	ids := map[string]string{}
	for part, image := range pulled.of {
		ids[part] = image.id
	}
	return ids, err
}

// pulledImages is what each part's image is on the hosts that have pulled it.
type pulledImages struct {
	mu sync.Mutex
	of map[string]pulledImage // by part
}

// pulledImage is an image on a host, and its digests in registries.
type pulledImage struct {
	id      string
	digests []string
}

// differs tells whether two images are known not to be the same: one may have
// several ids, by architectures and by how engines store it, and what was built on
// each host has no digest to tell.
func (i pulledImage) differs(o pulledImage) bool {
	return i.id != o.id && len(i.digests) > 0 && len(o.digests) > 0 &&
		!slices.ContainsFunc(i.digests, func(d string) bool { return slices.Contains(o.digests, d) })
}

func (i *pulledImages) on(ctx context.Context, w work.Order, h Connected) error {
	seen := map[string]string{}
	for _, part := range w.Spec.Parts {
		image := plan.ImageOf(part, w.Record.Images)
		id, ok := seen[image]
		if !ok {
			var err error
			if id, err = h.Pull(ctx, image); err != nil {
				return fmt.Errorf("image %s can't be had there; build it, or push it to where this host can pull it from: %w", image, err)
			}
			seen[image] = id
			w.Step(h.Name(), "", "pulled %s", image)
		}
		if want := w.Record.Images[part.Name]; want != "" && !servicefile.IsPinned(want) && want != id {
			return fmt.Errorf("image %s of part %s is %s there, and the release that is promoted runs %s; push the image to a registry that all hosts pull it from, and deploy it anew", image, part.Name, id, want)
		}
		if servicefile.IsPinned(image) || part.Shared { // which is the same, or runs on as it is
			i.add(part.Name, pulledImage{id: id})
			continue
		}
		is := pulledImage{id: id, digests: digestsOn(ctx, h, image)}
		other := i.add(part.Name, is)
		if is.differs(other) {
			return fmt.Errorf("image %s of part %s is %s there, and %s on another host, so not all would run the same; `docker pull` it on all of them, or name it with its registry, such as docker.io/library/redis:7, as it is pinned by its digest then", image, part.Name, id, other.id)
		}
		if is.id != other.id {
			w.Note("image %s is %s on %s and %s elsewhere; name images by digest, or keep them in a registry", image, id, h.Name(), other.id)
		}
	}
	return nil
}

// digestsOn are what an image is called in registries; none where the host can't
// tell.
func digestsOn(ctx context.Context, h Connected, image string) []string {
	known, err := h.Image(ctx, image)
	if err != nil {
		return nil
	}
	var digests []string
	for _, name := range known.Digests {
		digests = append(digests, servicefile.ImageDigest(name))
	}
	return digests
}

// add is what the part's image is on the first host that told.
func (i *pulledImages) add(part string, image pulledImage) pulledImage {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, known := i.of[part]; !known {
		i.of[part] = image
	}
	return i.of[part]
}
