package fleet

import (
	"slices"

	"teal/catalog"
)

// IDs names routers, in order.
func IDs(routers []catalog.RouterRecord) []string {
	names := make([]string, len(routers))
	for n, r := range routers {
		names[n] = r.ID
	}
	slices.Sort(names)
	return names
}
