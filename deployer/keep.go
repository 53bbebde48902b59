package deployer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// keptMark stands in the names of containers that stay on their hosts, stopped,
// after their release was replaced: between the name they had and the deployment
// that brought them, so that no other container is ever called the same.
const keptMark = ".kept-"

// isKept tells whether a container belongs to a release that is kept: it is part
// of no target any more, and may be gone back to.
func isKept(c catalog.Container) bool {
	brought := c.Labels[catalog.LabelDeployment]
	return brought != "" && strings.HasSuffix(c.Name, keptMark+brought)
}

// plannedName is how a container was called before it was put aside or kept.
func plannedName(c catalog.Container) string {
	name := c.Name
	if isKept(c) {
		name = strings.TrimSuffix(name, keptMark+c.Labels[catalog.LabelDeployment])
	}
	return strings.TrimSuffix(name, previousSuffix)
}

// worthKeeping tells whether a container that a deployment put aside belongs to a
// release that did well until then. It is pure.
func worthKeeping(record catalog.Deployment, c catalog.Container) bool {
	old := record.Replaces
	return old != nil && isAside(c) && !isTask(c) &&
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
	name := plannedName(c) + keptMark + c.Labels[catalog.LabelDeployment]
	if err := h.Rename(ctx, c.ID, name); err != nil {
		return fmt.Errorf("keep %s as %s: %w", c.Name, name, err)
	}
	return nil
}

// surplus are the kept containers of a service in an environment, on one host,
// beyond the newest releases that stay: as many as keep says, with those that
// targets hold counted in. What is held, or kept twice, is kept but once; what
// runs is nobody's to remove. It is pure.
func surplus(there []catalog.Container, keep int) []catalog.Container {
	stay := map[string]bool{} // by release
	var kept []catalog.Container
	for _, c := range there {
		switch {
		case isKept(c):
			kept = append(kept, c)
		case !isShared(c) && !isTask(c) && !isAside(c):
			stay[c.Labels[catalog.LabelRelease]] = true
		}
	}
	slices.SortStableFunc(kept, func(a, b catalog.Container) int {
		return cmp.Compare(b.Labels[catalog.LabelDeployment], a.Labels[catalog.LabelDeployment])
	})
	stays := map[string]bool{} // by deployment
	var beyond []catalog.Container
	for _, c := range kept {
		brought, release := c.Labels[catalog.LabelDeployment], c.Labels[catalog.LabelRelease]
		if _, decided := stays[brought]; !decided {
			stays[brought] = !stay[release] && len(stay) < keep
			stay[release] = stay[release] || stays[brought]
		}
		if !stays[brought] && !c.Running {
			beyond = append(beyond, c)
		}
	}
	return beyond
}

// dropSurplus removes from a host what a deployment's environment keeps no more.
func dropSurplus(ctx context.Context, h host, record catalog.Deployment) error {
	there, err := h.List(ctx, map[string]string{catalog.LabelService: record.Service, catalog.LabelEnvironment: record.Environment})
	if err != nil {
		return fmt.Errorf("list what is kept of %s in %s: %w", record.Service, record.Environment, err)
	}
	var group errgroup.Group
	for _, c := range surplus(there, cmp.Or(record.Keep, servicefile.DefaultKeep)) {
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
