// Package images makes a service's images, apart from any deployment: it builds
// them with labels that tell where they are from, tries one by itself, and pushes
// them. What does it is behind Builder and Host; a Docker engine is both.
package images

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/distribution/reference"

	"teal/catalog"
	"teal/deployer/revision"
	"teal/deployer/servicefile"
)

// Builder makes images and brings them to their registries; a Docker engine is
// one. It writes what it does to out as it comes.
type Builder interface {
	// Build builds an image and gives it its names.
	Build(ctx context.Context, b catalog.BuildSpec, out io.Writer) error
	// Push sends an image to the registry of its name and answers its name with the
	// digest that it has there. One that it has not is catalog.ErrNoImage.
	Push(ctx context.Context, ref string, out io.Writer) (pinned string, err error)
}

// The labels of the Open Container Initiative that tell where an image is from.
const (
	labelRevision = "org.opencontainers.image.revision"
	labelSource   = "org.opencontainers.image.source"
	labelVersion  = "org.opencontainers.image.version"
	labelCreated  = "org.opencontainers.image.created"
	labelTitle    = "org.opencontainers.image.title"
)

// Plan is what has to be built for a service, in the order of its parts;
// parts that share a build and its image are built once. It is pure. The images
// of a clean checkout are as old as its commit, so that the same commit makes the
// same labels; others are as old as now.
func Plan(spec *servicefile.Spec, v revision.Version, now time.Time) []catalog.BuildSpec {
	var plan []catalog.BuildSpec
	var planned []servicefile.Part
	for _, part := range spec.Parts {
		if part.Build == nil || slices.ContainsFunc(planned, func(other servicefile.Part) bool { return sameImage(part, other) }) {
			continue
		}
		planned = append(planned, part)
		plan = append(plan, catalog.BuildSpec{
			Context: part.Build.Context, Dockerfile: part.Build.Dockerfile, Target: part.Build.Target,
			Args: part.Build.Args, Labels: imageLabels(spec, part, v, now), Tags: []string{part.Image},
		})
	}
	return plan
}

// sameImage tells whether two parts have one image.
func sameImage(p, other servicefile.Part) bool {
	a, b := p.Build, other.Build
	return p.Image == other.Image && a.Context == b.Context && a.Dockerfile == b.Dockerfile && a.Target == b.Target && maps.Equal(a.Args, b.Args)
}

// imageLabels leave out what is not known.
func imageLabels(spec *servicefile.Spec, part servicefile.Part, v revision.Version, now time.Time) map[string]string {
	created := v.Committed
	if created.IsZero() || v.Dirty {
		created = now
	}
	title := spec.Service
	if part.Name != spec.Routed {
		title += "-" + part.Name
	}
	labels := map[string]string{
		labelTitle: title, labelRevision: v.Commit(), labelCreated: created.UTC().Format(time.RFC3339),
		labelVersion: cmp.Or(v.Version, spec.Release), labelSource: cmp.Or(v.Source, spec.Source),
	}
	maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
	return labels
}

// Build builds what is planned, one after the other.
func Build(ctx context.Context, b Builder, plan []catalog.BuildSpec, out io.Writer) error {
	if err := Check(plan); err != nil {
		return err
	}
	for _, spec := range plan {
		if err := b.Build(ctx, spec, out); err != nil {
			return err
		}
	}
	return nil
}

// Check is why a plan can't be built: an image can't be two, its name must be
// one, and its digest is not known before.
func Check(plan []catalog.BuildSpec) error {
	seen := map[string]string{} // context by image
	for _, spec := range plan {
		for _, tag := range spec.Tags {
			if err := checkBuildName(tag); err != nil {
				return err
			}
			if first, twice := seen[tag]; twice {
				return fmt.Errorf("image %s is to be built in two ways, from %s and from %s; give each part an image name of its own", tag, first, spec.Context)
			}
			seen[tag] = spec.Context
		}
	}
	return nil
}

func checkBuildName(image string) error {
	_, err := reference.ParseNormalizedNamed(image)
	switch {
	case servicefile.IsPinned(image):
		return fmt.Errorf("image %s is to be built, and is named by a digest, which nobody knows before; name it by a tag", image)
	case err != nil:
		return fmt.Errorf("image %s is to be built, and is no name for one (%w); see that all variables in it are set", image, err)
	}
	return nil
}
