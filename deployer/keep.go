package deployer

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/servicefile"
)

// worthKeeping tells whether a container that a deployment put aside belongs to a
// release that did well until then. It is pure.
func worthKeeping(record catalog.Deployment, c catalog.Container) bool {
	old := record.Replaces
	return old != nil && plan.IsAside(c) && !plan.IsTask(c) &&
		(old.State == catalog.Ready || old.State == catalog.Standby) &&
		old.Deployment != "" && c.Labels[catalog.LabelDeployment] == old.Deployment
}

// keep makes a container one of a kept release.
func keep(ctx context.Context, h host, c catalog.Container) error {
	if c.Running { // somebody has started it meanwhile
		if err := stopOne(ctx, h, c); err != nil {
			return err
		}
	}
	name := plan.PlannedName(c) + plan.KeptMark + c.Labels[catalog.LabelDeployment]
	if err := h.Rename(ctx, c.ID, name); err != nil {
		return fmt.Errorf("keep %s as %s: %w", c.Name, name, err)
	}
	return nil
}

// dropSurplus removes from a host what a deployment's environment keeps no more.
func dropSurplus(ctx context.Context, h host, record catalog.Deployment) error {
	there, err := h.List(ctx, map[string]string{catalog.LabelService: record.Service, catalog.LabelEnvironment: record.Environment})
	if err != nil {
		return fmt.Errorf("list what is kept of %s in %s: %w", record.Service, record.Environment, err)
	}
	var group errgroup.Group
	for _, c := range plan.Surplus(there, cmp.Or(record.Keep, servicefile.DefaultKeep)) {
		group.Go(func() error {
			if err := h.Remove(ctx, c.ID); err != nil {
				return fmt.Errorf("remove %s: %w", c.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

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
