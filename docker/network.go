package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
)

// EnsureNetwork makes a bridge network unless one of that name is there.
func (e *Engine) EnsureNetwork(ctx context.Context, name string, labels map[string]string) error {
	_, err := e.api.NetworkInspect(ctx, name, network.InspectOptions{})
	if err == nil || !errdefs.IsNotFound(err) {
		return e.wrap(err, "inspect network %s", name)
	}
	_, err = e.api.NetworkCreate(ctx, name, network.CreateOptions{Driver: network.NetworkBridge, Labels: labels})
	if errdefs.IsConflict(err) {
		return nil // somebody else was faster
	}
	return e.wrap(err, "create network %s", name)
}

// RemoveNetwork removes a network; one that is missing is fine. It refuses while
// containers belong to it, stopped ones too: they could never start again.
func (e *Engine) RemoveNetwork(ctx context.Context, name string) error {
	users, err := e.networkUsers(ctx, name)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return fmt.Errorf("remove network %s on %s: it is still used by %s; remove those containers first", name, e.endpoint, strings.Join(users, ", "))
	}
	err = e.api.NetworkRemove(ctx, name)
	if errdefs.IsNotFound(err) {
		return nil
	}
	return e.wrap(err, "remove network %s", name)
}

func (e *Engine) networkUsers(ctx context.Context, name string) ([]string, error) {
	found, err := e.api.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("network", name)),
	})
	if err != nil {
		return nil, e.wrap(err, "list the containers of network %s", name)
	}
	var users []string
	for _, c := range found {
		// The filter also matches the beginnings of network ids.
		if _, ok := c.NetworkSettings.Networks[name]; ok && len(c.Names) > 0 {
			users = append(users, strings.TrimPrefix(c.Names[0], "/"))
		}
	}
	slices.Sort(users)
	return users, nil
}
