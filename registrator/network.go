package registrator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"teal/catalog"
)

// The network modes of Docker that are not told by the networks themselves.
const (
	hostNetwork      = "host"
	containerNetwork = "container:"
)

// neighbours are the containers of a host by id and by name.
type neighbours map[string]*catalog.Container

func neighboursOf(containers []catalog.Container) neighbours {
	all := make(neighbours, 2*len(containers))
	for i := range containers {
		c := &containers[i]
		all[c.Name], all[c.ID] = c, c
	}
	return all
}

// settle says which ports a container answers on and where they are published:
// in a network of its own as the runtime tells, in the host's as themselves, in
// another container's as that one publishes them.
func (n neighbours) settle(c catalog.Container, s settings) (catalog.Container, error) {
	ref, shared := strings.CutPrefix(c.NetworkMode, containerNetwork)
	if !shared {
		return inOwnNetwork(c, s), nil
	}
	x, ok := n[ref]
	if !ok || !(x.Running || x.Paused) {
		return c, fmt.Errorf("it uses the network of container %s, which does not run; start that one first", ref)
	}
	return inNetworkOf(c, *x, s), nil
}

// inOwnNetwork adds the ports that a container in the host's network names
// without exposing them.
func inOwnNetwork(c catalog.Container, s settings) catalog.Container {
	if c.NetworkMode != hostNetwork {
		return c
	}
	c.Ports = union(c.Ports, s.namedPorts())
	for i := range c.Ports {
		c.Ports[i].Host = c.Ports[i].Private
	}
	return c
}

// inNetworkOf gives a container the place of the one whose network it uses. Its
// ports are those it exposes or names, else, when it has a name, all of the
// other's.
func inNetworkOf(c, x catalog.Container, s settings) catalog.Container {
	ports := union(c.Ports, s.namedPorts())
	if len(ports) == 0 && s.general[attrName] != "" {
		ports = slices.Clone(x.Ports)
	}
	for i, p := range ports {
		at := slices.IndexFunc(x.Ports, func(o catalog.Port) bool { return samePort(o, p) })
		switch {
		case x.NetworkMode == hostNetwork:
			ports[i].Host = p.Private
		case at >= 0:
			ports[i] = x.Ports[at]
		}
	}
	c.Ports, c.Bindings, c.Networks, c.NetworkMode = ports, x.Bindings, x.Networks, x.NetworkMode
	return c
}

// union is all ports of both, each once, in a new slice.
func union(a, b []catalog.Port) []catalog.Port {
	all := slices.Clone(a)
	for _, p := range b {
		if !slices.ContainsFunc(all, func(o catalog.Port) bool { return samePort(o, p) }) {
			all = append(all, p)
		}
	}
	return all
}

func samePort(a, b catalog.Port) bool { return a.Private == b.Private && a.Protocol == b.Protocol }

func comparePorts(a, b catalog.Port) int {
	return cmp.Or(cmp.Compare(a.Private, b.Private), cmp.Compare(a.Protocol, b.Protocol))
}
