package docker

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"teal/catalog"
)

// containerOf tells an inspect answer in Teal's words. Parts that the engine
// left out (it does for containers that are being removed) stay empty.
func containerOf(in container.InspectResponse) catalog.Container {
	c := catalog.Container{}
	if in.ContainerJSONBase != nil {
		c.ID, c.Name, c.ImageID = in.ID, strings.TrimPrefix(in.Name, "/"), in.Image
		c.Created, _ = time.Parse(time.RFC3339Nano, in.Created) // unreadable: unknown
	}
	if in.Config != nil {
		c.Image, c.Labels, c.Env = in.Config.Image, in.Config.Labels, envOf(in.Config.Env)
	}
	if in.NetworkSettings != nil {
		c.Networks = networksOf(in.NetworkSettings.Networks)
	}
	setState(&c, in)
	c.Ports = portsOf(in)
	return c
}

// setState says whether the container can answer a request. One that is paused
// or waits to be restarted can't, though Docker calls it running.
func setState(c *catalog.Container, in container.InspectResponse) {
	if in.ContainerJSONBase == nil || in.State == nil {
		return
	}
	s := in.State
	c.Running = s.Running && !s.Paused && !s.Restarting && !s.Dead
	c.ExitCode = s.ExitCode
	if s.Health != nil && s.Health.Status != container.NoHealthcheck {
		c.Health = s.Health.Status
	}
}

func envOf(lines []string) map[string]string {
	env := make(map[string]string, len(lines))
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	return env
}

func networksOf(endpoints map[string]*network.EndpointSettings) []catalog.Network {
	var networks []catalog.Network
	for name, ep := range endpoints {
		n := catalog.Network{Name: name}
		if ep != nil {
			n.IP = cmp.Or(ep.IPAddress, ep.GlobalIPv6Address)
		}
		networks = append(networks, n)
	}
	slices.SortFunc(networks, func(a, b catalog.Network) int { return cmp.Compare(a.Name, b.Name) })
	return networks
}

// portsOf lists the ports that are exposed or published, each once, by number.
func portsOf(in container.InspectResponse) []catalog.Port {
	bindings := nat.PortMap{}
	if in.Config != nil {
		for port := range in.Config.ExposedPorts {
			bindings[port] = nil
		}
	}
	if in.NetworkSettings != nil {
		for port, b := range in.NetworkSettings.Ports {
			bindings[port] = b
		}
	}
	onHost := in.ContainerJSONBase != nil && in.HostConfig != nil && in.HostConfig.NetworkMode.IsHost()
	ports := make([]catalog.Port, 0, len(bindings))
	for port, b := range bindings {
		ports = append(ports, portOf(port, b, onHost))
	}
	slices.SortFunc(ports, func(a, b catalog.Port) int {
		return cmp.Or(cmp.Compare(a.Private, b.Private), cmp.Compare(a.Protocol, b.Protocol))
	})
	return ports
}

// portOf is one port with the binding that most clients can use: Docker binds
// IPv4 and IPv6 apart, at times to different host ports. In the host's own
// network a port is published as itself.
func portOf(port nat.Port, bindings []nat.PortBinding, onHost bool) catalog.Port {
	p := catalog.Port{Private: port.Int(), Protocol: port.Proto()}
	if onHost {
		p.Host = p.Private
		return p
	}
	usable := slices.DeleteFunc(slices.Clone(bindings), func(b nat.PortBinding) bool { return hostPort(b) == 0 })
	if len(usable) == 0 {
		return p
	}
	best := slices.MinFunc(usable, func(a, b nat.PortBinding) int {
		return cmp.Or(cmp.Compare(family(a.HostIP), family(b.HostIP)), cmp.Compare(hostPort(a), hostPort(b)))
	})
	p.HostIP, p.Host = best.HostIP, hostPort(best)
	return p
}

func hostPort(b nat.PortBinding) int {
	n, err := nat.ParsePort(b.HostPort)
	if err != nil {
		return 0
	}
	return n
}

// family orders IPv4 before IPv6.
func family(ip string) int {
	if a, err := netip.ParseAddr(ip); err == nil && a.Is6() {
		return 1
	}
	return 0
}
