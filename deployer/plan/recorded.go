package plan

import (
	"slices"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// Recorded is what a deployment's record says of its containers. Hosts are named
// only where not all of them get the same. It is pure.
func (p Plan) Recorded(env servicefile.Environment) []catalog.DeployedContainer {
	var all []catalog.DeployedContainer
	for _, c := range p.Containers {
		first := len(all)
		for _, endpoint := range env.Hosts {
			spec := c.On(env.Weights[endpoint]).Labels[catalog.LabelSpec]
			n := slices.IndexFunc(all[first:], func(d catalog.DeployedContainer) bool { return d.Spec == spec })
			if n < 0 {
				all = append(all, catalog.DeployedContainer{Name: c.Name, Spec: spec, Routed: c.Routed})
				n = len(all) - first - 1
			}
			all[first+n].Hosts = append(all[first+n].Hosts, endpoint)
		}
		if len(all) == first+1 {
			all[first].Hosts = nil
		}
	}
	return all
}
