package deployer

import (
	"context"
	"fmt"
	"sync"
)

// pull gets the images onto all hosts at once.
func (p *hostPlatform) pull(ctx context.Context, w work) (map[string]string, error) {
	pulled := &pulledImages{of: map[string]string{}}
	err := p.onAll(ctx, w, p.used(), func(ctx context.Context, h host) error {
		return pulled.on(ctx, w, h)
	})
	return pulled.of, err
}

// pulledImages is what each part's image is on the hosts that have pulled it.
type pulledImages struct {
	mu sync.Mutex
	of map[string]string // by part
}

func (i *pulledImages) on(ctx context.Context, w work, h host) error {
	seen := map[string]string{}
	for _, part := range w.spec.Parts {
		image := imageOf(part, w.record.Images)
		id, ok := seen[image]
		if !ok {
			var err error
			if id, err = h.Pull(ctx, image); err != nil {
				return fmt.Errorf("image %s can't be had there; build it, or push it to where this host can pull it from: %w", image, err)
			}
			seen[image] = id
			w.step(h.Name(), "", "pulled %s", image)
		}
		if want := w.record.Images[part.Name]; want != "" && !isPinned(want) && want != id {
			return fmt.Errorf("image %s of part %s is %s there, and the release that is promoted runs %s; push the image to a registry that all hosts pull it from, and deploy it anew", image, part.Name, id, want)
		}
		if other := i.add(part.Name, id); other != id && !isPinned(image) { // one digest may be of several architectures
			return fmt.Errorf("image %s of part %s is %s there, and %s on another host, so not all would run the same; name it with its registry, such as docker.io/library/redis:7, as it is pinned by its digest then, or by the digest itself", image, part.Name, id, other)
		}
	}
	return nil
}

// add is what the part's image is on the first host that told.
func (i *pulledImages) add(part, id string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, known := i.of[part]; !known {
		i.of[part] = id
	}
	return i.of[part]
}
