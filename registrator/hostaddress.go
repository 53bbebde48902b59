package registrator

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// InterfaceAddress is one address of one of a host's network interfaces.
type InterfaceAddress struct {
	Interface string
	Address   netip.Addr
}

// InterfaceAddresses are those of this host's interfaces that are up.
func InterfaceAddresses() ([]InterfaceAddress, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the network interfaces: %w", err)
	}
	var all []InterfaceAddress
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("list the addresses of interface %s: %w", i.Name, err)
		}
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				all = append(all, InterfaceAddress{Interface: i.Name, Address: p.Addr().Unmap()})
			}
		}
	}
	return all, nil
}

// ChooseAddress picks the host's address: of the interface of that name, or
// within a network such as 10.0.0.0/8. Among several it is the first IPv4
// address, by number, else the first IPv6 address; link-local ones are none.
func ChooseAddress(all []InterfaceAddress, wanted string) (string, error) {
	network, err := netip.ParsePrefix(wanted)
	isNetwork := err == nil
	var found []netip.Addr
	for _, a := range all {
		matches := a.Interface == wanted
		if isNetwork {
			matches = network.Contains(a.Address.WithZone(""))
		}
		if matches && !a.Address.IsLinkLocalUnicast() && !a.Address.IsMulticast() && !a.Address.IsUnspecified() {
			found = append(found, a.Address)
		}
	}
	if len(found) == 0 {
		return "", fmt.Errorf("this host has no usable address on interface or in network %q; it has %s", wanted, spelled(all))
	}
	return slices.MinFunc(found, netip.Addr.Compare).String(), nil // Compare puts IPv4 first
}

// spelled lists addresses for people.
func spelled(all []InterfaceAddress) string {
	if len(all) == 0 {
		return "none at all"
	}
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = fmt.Sprintf("%s (%s)", a.Address, a.Interface)
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}
