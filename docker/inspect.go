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
		c.StopSignal = signalNumber(in.Config.StopSignal)
		if in.Config.StopTimeout != nil {
			c.StopGrace = time.Duration(*in.Config.StopTimeout) * time.Second
		}
	}
	if in.NetworkSettings != nil {
		c.Networks = networksOf(in.NetworkSettings.Networks)
	}
	setState(&c, in)
	if in.ContainerJSONBase != nil && in.HostConfig != nil {
		c.NetworkMode = string(in.HostConfig.NetworkMode)
	}
	c.Ports, c.Bindings = portsOf(in), bindingsOf(in)
	return c
}

// setState says whether the container can answer a request. One that is paused
// or waits to be restarted can't, though Docker calls it running.
func setState(c *catalog.Container, in container.InspectResponse) {
	if in.ContainerJSONBase == nil || in.State == nil {
		return
	}
	s := in.State
	able := s.Running && !s.Restarting && !s.Dead
	c.Running, c.Paused = able && !s.Paused, able && s.Paused
	c.ExitCode = s.ExitCode
	c.Started, _ = time.Parse(time.RFC3339Nano, s.StartedAt) // unreadable: unknown
	if s.Health != nil && s.Health.Status != container.NoHealthcheck {
		c.Health, c.HealthOutput = s.Health.Status, lastOutput(s.Health)
	}
}

// maxOutput is how much of what a HEALTHCHECK said is passed on.
const maxOutput = 512

// lastOutput is what the last run of a HEALTHCHECK said.
func lastOutput(h *container.Health) string {
	if len(h.Log) == 0 || h.Log[len(h.Log)-1] == nil {
		return ""
	}
	text := strings.TrimSpace(h.Log[len(h.Log)-1].Output)
	return strings.ToValidUTF8(text[:min(len(text), maxOutput)], "")
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
			n.IP, n.IPv6 = cmp.Or(ep.IPAddress, ep.GlobalIPv6Address), ep.GlobalIPv6Address
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

// bindingsOf lists all the places where ports are published.
func bindingsOf(in container.InspectResponse) []catalog.Port {
	if in.NetworkSettings == nil {
		return nil
	}
	var all []catalog.Port
	for port, bindings := range in.NetworkSettings.Ports {
		for _, b := range bindings {
			if hostPort(b) != 0 {
				all = append(all, catalog.Port{Private: port.Int(), Protocol: port.Proto(), HostIP: b.HostIP, Host: hostPort(b)})
			}
		}
	}
	slices.SortFunc(all, func(a, b catalog.Port) int {
		return cmp.Or(cmp.Compare(a.Private, b.Private), cmp.Compare(a.Protocol, b.Protocol),
			cmp.Compare(family(a.HostIP), family(b.HostIP)), cmp.Compare(a.HostIP, b.HostIP), cmp.Compare(a.Host, b.Host))
	})
	return all
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
