package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"teal/catalog"
)

// undoTimeout is how long the removal of a container that was made in vain may
// take.
const undoTimeout = 10 * time.Second

// Create makes a container without starting it, in its networks and with its
// files, and answers its id. After an error there is no such container. The error
// is catalog.ErrNameTaken when another container has the name.
func (e *Engine) Create(ctx context.Context, spec catalog.ContainerSpec) (string, error) {
	config, host, networking, err := createBody(spec)
	if err != nil {
		return "", fmt.Errorf("create container %s: %w", spec.Name, err)
	}
	made, err := e.api.ContainerCreate(ctx, config, host, networking, nil, spec.Name)
	if errdefs.IsConflict(err) {
		return "", fmt.Errorf("create container %s on %s: %w (%w)", spec.Name, e.endpoint, catalog.ErrNameTaken, err)
	}
	if err != nil {
		return "", e.wrap(err, "create container %s", spec.Name)
	}
	if err := e.furnish(ctx, made.ID, spec); err != nil {
		return "", errors.Join(e.wrap(err, "create container %s", spec.Name), e.undo(ctx, made.ID))
	}
	return made.ID, nil
}

// furnish gives a new container what the request that makes it has no room for.
func (e *Engine) furnish(ctx context.Context, id string, spec catalog.ContainerSpec) error {
	for _, name := range spec.Also {
		if err := e.join(ctx, id, name, spec.Hostnames); err != nil {
			return fmt.Errorf("join network %s: %w", name, err)
		}
	}
	for _, f := range spec.Files {
		if err := e.putFile(ctx, id, f); err != nil {
			return fmt.Errorf("put in file %s: %w", f.Path, err)
		}
	}
	return nil
}

// join joins a network that is there. The engine would take any name now and
// refuse the start.
func (e *Engine) join(ctx context.Context, id, name string, hostnames []string) error {
	if _, err := e.api.NetworkInspect(ctx, name, network.InspectOptions{}); err != nil {
		return err
	}
	return e.api.NetworkConnect(ctx, name, id, &network.EndpointSettings{Aliases: hostnames})
}

// undo removes a container that was made in vain, even when ctx has ended.
func (e *Engine) undo(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return e.Remove(ctx, id)
}

// createBody is what the engine is asked for. Equal specs give equal bodies.
func createBody(spec catalog.ContainerSpec) (*container.Config, *container.HostConfig, *network.NetworkingConfig, error) {
	if err := checkNetworks(spec); err != nil {
		return nil, nil, nil, err
	}
	exposed, bindings, err := portBindings(spec.Ports)
	if err != nil {
		return nil, nil, nil, err
	}
	restart, err := restartPolicy(spec.Restart)
	if err != nil {
		return nil, nil, nil, err
	}
	config := &container.Config{
		Image: spec.Image, Entrypoint: spec.Entrypoint, Cmd: spec.Command,
		Env: envLines(spec.Env), Labels: labels(spec), ExposedPorts: exposed,
		User: spec.User, WorkingDir: spec.WorkingDir, StopTimeout: stopTimeout(spec.StopGrace),
		Healthcheck: healthConfig(spec.Healthcheck),
	}
	host := &container.HostConfig{
		PortBindings:  bindings,
		RestartPolicy: restart,
		Mounts:        mounts(spec.Volumes),
	}
	confine(config, host, spec.Sandbox)
	networking := &network.NetworkingConfig{}
	host.NetworkMode = container.NetworkMode(spec.Network)
	switch spec.Network {
	case "":
	case catalog.NoNetwork: // there is nothing to be known by, or published on
		host.PortBindings = nil
	default:
		networking.EndpointsConfig = map[string]*network.EndpointSettings{spec.Network: {Aliases: spec.Hostnames}}
	}
	return config, host, networking, nil
}

// checkNetworks refuses what can't be joined together.
func checkNetworks(spec catalog.ContainerSpec) error {
	if spec.Network == catalog.NoNetwork && len(spec.Also) > 0 {
		return fmt.Errorf("it is to have no network and to join %s; take one of them away", strings.Join(spec.Also, ", "))
	}
	return nil
}

// portBindings publishes every port, on a free port of the host where none is
// named.
func portBindings(ports []catalog.Port) (nat.PortSet, nat.PortMap, error) {
	exposed, bindings := nat.PortSet{}, nat.PortMap{}
	for _, p := range ports {
		protocol := p.Protocol
		if protocol == "" {
			protocol = "tcp"
		}
		port, err := nat.NewPort(protocol, strconv.Itoa(p.Private))
		if err != nil || p.Private < 1 || p.Private > math.MaxUint16 {
			return nil, nil, fmt.Errorf("port %d is not from 1 to %d; correct the service file", p.Private, math.MaxUint16)
		}
		binding := nat.PortBinding{HostIP: p.HostIP}
		if p.Host != 0 {
			binding.HostPort = strconv.Itoa(p.Host)
		}
		exposed[port] = struct{}{}
		bindings[port] = append(bindings[port], binding)
	}
	return exposed, bindings, nil
}

// restartPolicy reads a policy as the Docker CLI and compose files write it:
// "always", "on-failure:3".
func restartPolicy(text string) (container.RestartPolicy, error) {
	name, limit, limited := strings.Cut(text, ":")
	policy := container.RestartPolicy{Name: container.RestartPolicyMode(name)}
	var err error
	if limited {
		policy.MaximumRetryCount, err = strconv.Atoi(limit)
	}
	if err != nil || container.ValidateRestartPolicy(policy) != nil {
		return policy, fmt.Errorf("restart policy %q is unknown; use no, always, unless-stopped or on-failure, which may have a number of tries: on-failure:3", text)
	}
	return policy, nil
}

// labels are those of a spec, and what it takes to read its files and options back.
func labels(spec catalog.ContainerSpec) map[string]string {
	own := map[string]string{catalog.LabelFiles: filesLabel(spec.Files), catalog.LabelOptions: optionsOf(spec).label()}
	maps.DeleteFunc(own, func(_, text string) bool { return text == "" })
	if len(own) == 0 {
		return spec.Labels
	}
	maps.Copy(own, spec.Labels)
	return own
}

func envLines(env map[string]string) []string {
	lines := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		lines = append(lines, name+"="+env[name])
	}
	return lines
}

// mounts tells folders of the host from named volumes by their absolute path.
func mounts(volumes []catalog.Volume) []mount.Mount {
	var all []mount.Mount
	for _, v := range volumes {
		m := mount.Mount{Type: mount.TypeVolume, Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
		switch {
		case filepath.IsAbs(v.Source):
			m.Type = mount.TypeBind
			if v.Propagation != "" {
				m.BindOptions = &mount.BindOptions{Propagation: mount.Propagation(v.Propagation)}
			}
		case v.NoCopy:
			m.VolumeOptions = &mount.VolumeOptions{NoCopy: true}
		}
		all = append(all, m)
	}
	return all
}

// stopTimeout is a grace in whole seconds, rounded up; nil leaves it to the
// engine.
func stopTimeout(grace time.Duration) *int {
	if grace <= 0 {
		return nil
	}
	return new(seconds(grace))
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
