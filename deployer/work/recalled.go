package work

import (
	"teal/deployer/plan"
	"teal/deployer/servicefile"
)

// Recalled is a release that is kept, as it comes up again: what its service file
// would say, as far as its containers tell.
type Recalled struct {
	Source   string // the deployment that brought it
	Revision string
	Spec     *servicefile.Spec
	Replicas int            // of the routed part, on each place
	Weights  map[string]int // of its instances, by place; 0 for none of its own
	Plan     plan.Plan
}

// Images are what the parts run, by part.
func (r *Recalled) Images() map[string]string {
	images := map[string]string{}
	for _, p := range r.Spec.Parts {
		images[p.Name] = p.Image
	}
	return images
}
