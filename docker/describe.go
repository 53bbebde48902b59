package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"teal/catalog"
)

// shortID is how much of a container's id engines add to its names in a network.
const shortID = 12

// Describe is what a container was made from, less what its image says anyway,
// under the name it has now, with its files as they are now. Its image is named as
// it was then as long as that name means the same image, else by its id.
func (e *Engine) Describe(ctx context.Context, id string) (catalog.ContainerSpec, error) {
	in, err := e.api.ContainerInspect(ctx, id)
	if err == nil && (in.ContainerJSONBase == nil || in.HostConfig == nil || in.Config == nil) {
		err = errors.New("it is being removed")
	}
	if err != nil {
		return catalog.ContainerSpec{}, e.wrap(err, "describe container %s", id)
	}
	image, err := e.imageConfig(ctx, in.Image)
	if err != nil {
		return catalog.ContainerSpec{}, e.wrap(err, "describe container %s", id)
	}
	spec, err := specOf(in, image)
	if err != nil {
		return catalog.ContainerSpec{}, e.wrap(err, "describe container %s", id)
	}
	if named, err := e.Image(ctx, spec.Image); err != nil || named.ID != in.Image {
		spec.Image = in.Image
	}
	if spec.Files, err = e.takeFiles(ctx, id, spec.Labels[catalog.LabelFiles]); err != nil {
		return catalog.ContainerSpec{}, e.wrap(err, "describe container %s", id)
	}
	delete(spec.Labels, catalog.LabelFiles)
	return spec, nil
}

// defaults are what an image says that a container gets which says nothing else.
type defaults struct {
	Entrypoint, Cmd, Env []string
	Labels               map[string]string
	User, WorkingDir     string
}

// imageConfig is empty for an image that was removed by force.
func (e *Engine) imageConfig(ctx context.Context, id string) (defaults, error) {
	in, err := e.api.ImageInspect(ctx, id)
	if errdefs.IsNotFound(err) || err == nil && in.Config == nil {
		return defaults{}, nil
	}
	if err != nil {
		return defaults{}, fmt.Errorf("inspect its image: %w", err)
	}
	c := in.Config
	return defaults{c.Entrypoint, c.Cmd, c.Env, c.Labels, c.User, c.WorkingDir}, nil
}

// specOf is the reverse of createBody, but for files. It is pure.
func specOf(in container.InspectResponse, image defaults) (catalog.ContainerSpec, error) {
	spec := catalog.ContainerSpec{
		Name:       strings.TrimPrefix(in.Name, "/"),
		Image:      in.Config.Image,
		Env:        map[string]string{},
		Labels:     maps.Clone(in.Config.Labels),
		Ports:      wantedPorts(in.HostConfig.PortBindings),
		Network:    string(in.HostConfig.NetworkMode),
		Restart:    restartText(in.HostConfig.RestartPolicy),
		User:       in.Config.User,
		WorkingDir: in.Config.WorkingDir,
	}
	if spec.Labels == nil {
		spec.Labels = map[string]string{}
	}
	if in.Config.StopTimeout != nil {
		spec.StopGrace = time.Duration(*in.Config.StopTimeout) * time.Second
	}
	for _, m := range in.HostConfig.Mounts {
		spec.Volumes = append(spec.Volumes, volumeOf(m))
	}
	if in.NetworkSettings != nil {
		spec.Hostnames, spec.Also = placesOf(in.NetworkSettings.Networks, spec.Network, in.ID, in.Config.Hostname)
	}
	if in.HostConfig.NetworkMode.IsDefault() || in.HostConfig.NetworkMode.IsBridge() {
		spec.Network, spec.Also = "", slices.DeleteFunc(spec.Also, func(name string) bool { return name == network.NetworkBridge })
	}
	spec.Entrypoint, spec.Command = in.Config.Entrypoint, in.Config.Cmd
	for name, value := range envOf(in.Config.Env) {
		spec.Env[name] = value
	}
	spec = without(spec, image)
	asked, err := parseOptions(spec.Labels[catalog.LabelOptions])
	asked.restore(&spec)
	delete(spec.Labels, catalog.LabelOptions)
	return spec, err
}

// volumeOf is the reverse of one of mounts.
func volumeOf(m mount.Mount) catalog.Volume {
	v := catalog.Volume{Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
	if m.BindOptions != nil {
		v.Propagation = string(m.BindOptions.Propagation)
	}
	if m.VolumeOptions != nil {
		v.NoCopy = m.VolumeOptions.NoCopy
	}
	return v
}

// without is a spec less what its image says anyway. An entrypoint of its own,
// were it the image's, would still take the image's command away; so the two go
// together. It is pure.
func without(spec catalog.ContainerSpec, image defaults) catalog.ContainerSpec {
	if slices.Equal(spec.Entrypoint, image.Entrypoint) && (len(spec.Command) > 0 || len(image.Cmd) == 0) {
		spec.Entrypoint = nil
		if slices.Equal(spec.Command, image.Cmd) {
			spec.Command = nil
		}
	}
	for name, value := range envOf(image.Env) {
		if spec.Env[name] == value {
			delete(spec.Env, name)
		}
	}
	for name, value := range image.Labels {
		if spec.Labels[name] == value {
			delete(spec.Labels, name)
		}
	}
	if spec.User == image.User {
		spec.User = ""
	}
	if spec.WorkingDir == image.WorkingDir {
		spec.WorkingDir = ""
	}
	return spec
}

// placesOf are the names by which a container is known in its network, and the
// other networks that it is in. Engines add the beginning of its id, and some of
// them, after that, what it calls itself.
func placesOf(endpoints map[string]*network.EndpointSettings, first, id, itself string) (hostnames, also []string) {
	short := id[:min(shortID, len(id))]
	for _, name := range slices.Sorted(maps.Keys(endpoints)) {
		if name != first {
			also = append(also, name)
			continue
		}
		if endpoints[name] == nil {
			continue
		}
		aliases := endpoints[name].Aliases
		if n := len(aliases); n > 1 && aliases[n-2] == short && aliases[n-1] == itself {
			aliases = aliases[:n-1]
		}
		for _, alias := range aliases {
			if alias != short {
				hostnames = append(hostnames, alias)
			}
		}
	}
	return hostnames, also
}

// wantedPorts are the ports that a container was told to publish, by number.
func wantedPorts(bindings nat.PortMap) []catalog.Port {
	var ports []catalog.Port
	for port, at := range bindings {
		for _, b := range at {
			ports = append(ports, catalog.Port{Private: port.Int(), Protocol: port.Proto(), HostIP: b.HostIP, Host: hostPort(b)})
		}
	}
	slices.SortFunc(ports, func(a, b catalog.Port) int {
		return cmp.Or(cmp.Compare(a.Private, b.Private), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Host, b.Host))
	})
	return ports
}

// restartText writes a policy as compose files do.
func restartText(p container.RestartPolicy) string {
	if p.MaximumRetryCount > 0 {
		return fmt.Sprintf("%s:%d", p.Name, p.MaximumRetryCount)
	}
	return string(p.Name)
}

// filesLabel is where it is written which files were put into a container; none
// where none were.
func filesLabel(files []catalog.File) string {
	if len(files) == 0 {
		return ""
	}
	paths := make([]string, len(files))
	for n, f := range files {
		paths[n] = f.Path
	}
	text, _ := json.Marshal(paths) // they are plain
	return string(text)
}
