package images

import (
	"context"
	"fmt"
	"io"
	"strings"

	"teal/deployer/servicefile"
)

// Built are the images that the service file builds, each once, in the
// order of their parts. It is pure.
func Built(spec *servicefile.Spec) []string {
	var images []string
	seen := map[string]bool{}
	for _, part := range spec.Parts {
		if part.Build != nil && !seen[part.Image] {
			seen[part.Image] = true
			images = append(images, part.Image)
		}
	}
	return images
}

// Push sends what was built to the registries and answers it pinned,
// "registry:5000/shop@sha256:…", by part.
func Push(ctx context.Context, b Builder, spec *servicefile.Spec, out io.Writer) (map[string]string, error) {
	byImage := map[string]string{}
	for _, image := range Built(spec) {
		if !strings.Contains(image, "/") { // it would be one of Docker's own
			return nil, fmt.Errorf("image %s names no registry to push it to; write it like registry.example:5000/%s", image, image)
		}
		pinned, err := b.Push(ctx, image, out)
		if err != nil {
			return nil, err
		}
		byImage[image] = pinned
	}
	pinned := map[string]string{}
	for _, part := range spec.Parts {
		if part.Build != nil {
			pinned[part.Name] = byImage[part.Image]
		}
	}
	return pinned, nil
}
