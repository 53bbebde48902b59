package servicefile

import (
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// defaultNetwork is the network that Compose puts services into which name none.
const defaultNetwork = "default"

// checkNetworks tells of networks that parts would miss. Those that are of the file
// alone are told of with their parts: in the private network of its colour, a part
// reaches all others.
func (r *reader) checkNetworks(project *types.Project) {
	used := map[string]bool{}
	for _, s := range project.Services {
		for name := range s.Networks {
			used[name] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(project.Networks)) {
		n := project.Networks[key]
		switch {
		case !used[key]:
		case bool(n.External):
			r.warn([]string{"networks", key}, "network %s is external, and parts are in the private network of their colour alone; what is in it has to be reached through a port of a host", key)
		case key == defaultNetwork:
			if n.Name == project.Name+"_"+defaultNetwork {
				n.Name = "" // as Compose calls it
			}
			if said := usedKeys(n); len(said) > 0 {
				r.warn([]string{"networks", key}, "network %s has %s, which Teal does not carry over; each colour has a plain private network of its own", key, strings.Join(said, " and "))
			}
		}
	}
}
