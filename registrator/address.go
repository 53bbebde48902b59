package registrator

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"teal/catalog"
)

// place says where a port is reached. A container's address goes with the
// container's port, the host's with the published one.
func (w writer) place() (address string, port int, err error) {
	switch {
	case strings.TrimSpace(w.attrs[attrIP]) != "":
		address, port, err = w.given()
	case w.container.NetworkMode == hostNetwork:
		address, port = w.opt.Address, w.port.Host
	case w.internal():
		address, err = w.internalAddress()
		port = w.port.Private
	default:
		address, port, err = w.published(w.opt.Address)
	}
	if err == nil && address == "" {
		err = fmt.Errorf("it uses the host's network, but the address of the host is not known; tell the registrator its address")
	}
	if err == nil {
		err = w.opt.advertisable(address)
	}
	return address, port, err
}

// internal tells whether the container's own address is wanted.
func (w writer) internal() bool {
	return w.opt.Internal || strings.TrimSpace(w.attrs[attrNetwork]) != ""
}

// given is the address that SERVICE_IP says, with the container's port if it is
// the container's address, else with the one published there.
func (w writer) given() (string, int, error) {
	text, _, _ := strings.Cut(strings.TrimSpace(w.attrs[attrIP]), "/") // some write the network's size too
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return "", 0, fmt.Errorf("SERVICE_IP is %q; write an address such as 10.0.0.5", w.attrs[attrIP])
	}
	ofContainer := slices.ContainsFunc(w.container.Networks, func(n catalog.Network) bool { return n.IP == text || n.IPv6 == text })
	switch {
	case ofContainer, w.container.NetworkMode != hostNetwork && w.internal():
		return ip.String(), w.port.Private, nil
	case w.container.NetworkMode == hostNetwork:
		return ip.String(), w.port.Host, nil
	}
	all := w.bindings()
	if len(all) == 0 {
		return "", 0, fmt.Errorf("SERVICE_IP is %s, but port %d is not published; publish it", text, w.port.Private)
	}
	best := slices.MinFunc(all, func(a, b catalog.Port) int { return cmp.Compare(rank(a, text), rank(b, text)) })
	return ip.String(), best.Host, nil
}

// bindings are the places where the port is published.
func (w writer) bindings() []catalog.Port {
	var all []catalog.Port
	for _, b := range w.container.Bindings {
		if samePort(b, w.port) {
			all = append(all, b)
		}
	}
	if len(all) == 0 && w.port.Host != 0 {
		return []catalog.Port{w.port}
	}
	return all
}

// How well a binding serves clients who are told an address.
const (
	rankExact     = iota // it is that very address
	rankAll              // all addresses of its family
	rankOtherOnly        // another address of the host only
	rankLoopback         // the host itself only
	rankNever            // all addresses of the other family
)

func rank(b catalog.Port, address string) int {
	bound, err := netip.ParseAddr(b.HostIP)
	if err != nil {
		return rankAll // as engines write it that do not tell families apart
	}
	wanted, err := netip.ParseAddr(address)
	bound, wanted = bound.Unmap(), wanted.Unmap()
	switch {
	case err == nil && bound == wanted:
		return rankExact
	case bound.IsUnspecified() && (err != nil || bound.Is4() == wanted.Is4()):
		return rankAll
	case bound.IsUnspecified():
		return rankNever
	case bound.IsLoopback():
		return rankLoopback
	}
	return rankOtherOnly
}

// published is the host's address with the port that is published there, or the
// one address of the host that the port is published on.
func (w writer) published(address string) (string, int, error) {
	all := w.bindings()
	if len(all) == 0 {
		return "", 0, fmt.Errorf("port %d is not published; publish it", w.port.Private)
	}
	// The bindings are in order; the first of the best serves.
	best := slices.MinFunc(all, func(a, b catalog.Port) int { return cmp.Compare(rank(a, address), rank(b, address)) })
	switch rank(best, address) {
	case rankExact, rankAll:
		return address, best.Host, nil
	case rankNever:
		return "", 0, fmt.Errorf("port %d is published on %s only, but the host's address is %s; publish it on all addresses of that kind", w.port.Private, best.HostIP, address)
	case rankLoopback:
		if !w.opt.AgentOnLoopback {
			return "", 0, fmt.Errorf("port %d is published on %s only, which other hosts can't reach; publish it on all addresses", w.port.Private, best.HostIP)
		}
	}
	return best.HostIP, best.Host, nil
}

// internalAddress is the container's own address in the network it names, else
// in the first by name that gives it one.
func (w writer) internalAddress() (string, error) {
	wanted := strings.TrimSpace(w.attrs[attrNetwork])
	for _, n := range w.container.Networks {
		if n.IP != "" && cmp.Or(wanted, n.Name) == n.Name {
			return n.IP, nil
		}
	}
	if wanted != "" {
		return "", fmt.Errorf("it has no address in network %s, which SERVICE_NETWORK names; connect it to that network", wanted)
	}
	return "", fmt.Errorf("it has no address of its own in any network; connect it to one, or register published ports")
}
