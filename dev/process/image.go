package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"teal/catalog"
)

// Pull answers the digest of an image, which is one of its command line. An image
// that is unknown can't be fetched from anywhere: the error is
// catalog.ErrNoImage.
func (p *Platform) Pull(_ context.Context, image string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ref, found, err := p.known(image)
	if err != nil {
		return "", fmt.Errorf("pull image %s: %w", image, err)
	}
	delete(p.removed, ref)
	return found.digest(), nil
}

// Image is an image that is known and was not removed; the error is
// catalog.ErrNoImage for others.
func (p *Platform) Image(_ context.Context, ref string) (catalog.Image, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, err := p.there(ref)
	if err != nil {
		return catalog.Image{}, err
	}
	return p.described(found.digest()), nil
}

// Images are those of a repository, which is an image's name without its tag.
func (p *Platform) Images(_ context.Context, repository string) ([]catalog.Image, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	told := map[string]bool{}
	var all []catalog.Image
	for _, ref := range slices.Sorted(maps.Keys(p.opt.Images)) {
		digest := p.opt.Images[ref].digest()
		if repositoryOf(ref) != repository || p.removed[ref] || told[digest] {
			continue
		}
		told[digest] = true
		all = append(all, p.described(digest))
	}
	return all, nil
}

// RemoveImage forgets an image until it is pulled again. One that is gone is
// fine; one that a process is made from is catalog.ErrInUse.
func (p *Platform) RemoveImage(_ context.Context, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, proc := range p.procs {
		if proc.digest == id {
			return fmt.Errorf("remove image %s: %w by process %s", id, catalog.ErrInUse, proc.name)
		}
	}
	for ref, image := range p.opt.Images {
		if image.digest() == id {
			p.removed[ref] = true
		}
	}
	return nil
}

// described tells an image in the catalogue's words, with all its names. The lock
// must be held.
func (p *Platform) described(digest string) catalog.Image {
	i := catalog.Image{ID: digest}
	for _, ref := range slices.Sorted(maps.Keys(p.opt.Images)) {
		if p.opt.Images[ref].digest() == digest && !p.removed[ref] {
			i.Tags = append(i.Tags, ref)
			i.Digests = append(i.Digests, repositoryOf(ref)+"@"+digest)
		}
	}
	i.Digests = slices.Compact(i.Digests)
	return i
}

// there is an image that was not removed. The lock must be held.
func (p *Platform) there(name string) (Image, error) {
	ref, found, err := p.known(name)
	if err == nil && p.removed[ref] {
		return Image{}, fmt.Errorf("image %s: %w; pull it first", name, catalog.ErrNoImage)
	}
	return found, err
}

// known finds an image by its reference, its repository and digest, or its
// digest.
func (p *Platform) known(name string) (ref string, found Image, err error) {
	if found, ok := p.opt.Images[name]; ok {
		return name, found, nil
	}
	refs := slices.Sorted(maps.Keys(p.opt.Images))
	for _, ref := range refs {
		digest := p.opt.Images[ref].digest()
		if name == digest || name == repositoryOf(ref)+"@"+digest {
			return ref, p.opt.Images[ref], nil
		}
	}
	return "", Image{}, fmt.Errorf("%s: %w here; local processes know %s", name, catalog.ErrNoImage, strings.Join(refs, ", "))
}

// repositoryOf is a reference without its tag. A colon before a slash is a
// registry's port.
func repositoryOf(ref string) string {
	if colon := strings.LastIndex(ref, ":"); colon > strings.LastIndex(ref, "/") {
		return ref[:colon]
	}
	return ref
}

// digest names the command line, as an image's digest names its content.
func (i Image) digest() string {
	sum := sha256.Sum256([]byte(strings.Join(i.Command, "\x00")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// commandLine is what a spec of this image runs. As in Docker, an entrypoint
// takes the place of the image's and a command follows.
func (i Image) commandLine(spec catalog.ContainerSpec) []string {
	line := i.Command
	if len(spec.Entrypoint) > 0 {
		line = spec.Entrypoint
	}
	return append(line[:len(line):len(line)], spec.Command...)
}
