package registry

import (
	"fmt"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/name"
)

// place is an image's name, taken apart.
type place struct {
	named  reference.Named // without tag and digest
	repo   name.Repository
	tag    string // "latest" where neither tag nor digest is given
	digest string // empty where none is given
}

// parse reads a name as the Docker CLI does: "nginx" is Docker Hub's.
func parse(image string) (place, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return place{}, fmt.Errorf("%q is no image's name: %w; write it like registry.example:5000/shop:1.0.0", image, err)
	}
	host, err := name.NewRegistry(reference.Domain(named))
	if err != nil {
		return place{}, fmt.Errorf("%q is no image's name: %w; write it like registry.example:5000/shop:1.0.0", image, err)
	}
	p := place{named: reference.TrimNamed(named), repo: host.Repo(reference.Path(named))}
	if pinned, ok := named.(reference.Digested); ok {
		p.digest = pinned.Digest().String()
	}
	if tagged, ok := named.(reference.Tagged); ok {
		p.tag = tagged.Tag()
	} else if p.digest == "" {
		p.tag = name.DefaultTag
	}
	return p, nil
}

// registry is what people call where the image is.
func (p place) registry() string { return reference.Domain(p.named) }

// ref is the image there: a digest says more than a tag beside it.
func (p place) ref() name.Reference {
	if p.digest != "" {
		return p.repo.Digest(p.digest)
	}
	return p.repo.Tag(p.tag)
}

// at is the name with a digest instead of a tag, as the Docker CLI writes it.
func (p place) at(digest string) string { return reference.FamiliarName(p.named) + "@" + digest }

// goal is where something is put: under the tag, where there is one.
func (p place) goal() name.Reference {
	if p.tag != "" {
		return p.repo.Tag(p.tag)
	}
	return p.ref()
}
