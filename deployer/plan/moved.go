package plan

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// Moved is a container as another deployment makes it in a target, the same or
// another one: what belongs to its target is that target's then. It is pure.
func Moved(spec catalog.ContainerSpec, service string, from, to catalog.Target, deployment string) catalog.ContainerSpec {
	oldBase, base := BaseName(service, from), BaseName(service, to)
	swap := func(name string) string {
		if rest, ok := strings.CutPrefix(name, oldBase+"-"); ok {
			return base + "-" + rest
		}
		return name
	}
	spec.Name = swap(spec.Name)
	if spec.Network == oldBase {
		spec.Network = base
	}
	spec.Volumes = slices.Clone(spec.Volumes)
	for n, v := range spec.Volumes {
		if !filepath.IsAbs(v.Source) {
			spec.Volumes[n].Source = swap(v.Source)
		}
	}
	spec.Labels = maps.Clone(spec.Labels)
	for _, own := range []string{catalog.LabelStart, catalog.LabelSpec, catalog.ServiceWeight} {
		delete(spec.Labels, own)
	}
	maps.Copy(spec.Labels, TargetLabels(service, to))
	spec.Labels[catalog.LabelDeployment] = deployment
	if spec.Labels[catalog.ServiceColour] != "" {
		spec.Labels[catalog.ServiceColour] = string(to.Colour)
	}
	spec.Labels[catalog.LabelSpec] = servicefile.DigestOf(withoutDeployment(spec))
	return spec
}
