package hosts

import (
	"cmp"
	"context"
	"fmt"

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
func keep(ctx context.Context, h Connected, c catalog.Container) error {
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
func dropSurplus(ctx context.Context, h Connected, record catalog.Deployment) error {
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
