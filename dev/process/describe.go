package process

import (
	"context"
	"maps"
	"slices"

	"teal/catalog"
)

// Describe is what a process was made from, under the name it has now.
func (p *Platform) Describe(_ context.Context, id string) (catalog.ContainerSpec, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	proc, ok := p.find(id)
	if !ok {
		return catalog.ContainerSpec{}, missing("describe", id)
	}
	spec := proc.spec
	spec.Name = proc.name
	spec.Env, spec.Labels = maps.Clone(spec.Env), maps.Clone(spec.Labels)
	spec.Ports, spec.Volumes, spec.Files = slices.Clone(spec.Ports), slices.Clone(spec.Volumes), slices.Clone(spec.Files)
	return spec, nil
}
