package deployer

import (
	"cmp"
	"slices"

	"teal/catalog"
)

// keptReleases are the releases that hosts keep, the newest first. It is pure.
func keptReleases(environment string, seen []sighting) []KeptRelease {
	var all []KeptRelease
	for _, one := range seen {
		for _, c := range one.Kept {
			brought := c.Labels[catalog.LabelDeployment]
			n := slices.IndexFunc(all, func(k KeptRelease) bool { return k.Deployment == brought })
			if n < 0 {
				n = len(all)
				all = append(all, KeptRelease{Environment: environment, Release: c.Labels[catalog.LabelRelease], Deployment: brought})
			}
			if !slices.Contains(all[n].Hosts, one.Endpoint) {
				all[n].Hosts = append(all[n].Hosts, one.Endpoint)
			}
		}
	}
	slices.SortFunc(all, func(a, b KeptRelease) int { return cmp.Compare(b.Deployment, a.Deployment) })
	return all
}
