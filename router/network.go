package router

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// networks is a set of address ranges.
type networks []netip.Prefix

// NoNetwork is how a list of networks that has none is written.
const NoNetwork = "none"

// DefaultFlipFrom is the networks that may flip through the admin API: the
// router's own host.
func DefaultFlipFrom() []netip.Prefix { return mustNetworks("127.0.0.0/8", "::1/128") }

// DefaultPreview is the networks that may see targets no alias points at:
// loopback, private and link-local.
func DefaultPreview() []netip.Prefix {
	return mustNetworks(
		"127.0.0.0/8", "::1/128",
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
		"169.254.0.0/16", "fe80::/10",
	)
}

func mustNetworks(texts ...string) []netip.Prefix {
	all, err := ParseNetworks(texts)
	if err != nil {
		panic("router: " + err.Error()) // they are constants
	}
	return all
}

// ParseNetworks reads networks such as 10.0.0.0/8. No text at all is nil, which
// options take for their default; NoNetwork by itself is empty and not nil.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	if len(texts) == 1 && texts[0] == NoNetwork {
		return []netip.Prefix{}, nil
	}
	var list []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a network; write one such as 10.0.0.0/8, or %s alone", text, NoNetwork)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

func (n networks) has(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range n {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// peerOf is the address a request's connection comes from; invalid when it is
// none of IP.
func peerOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// clientOf is who asks: the peer, or the last address in X-Forwarded-For that is
// no trusted proxy's, if the peer is one. A chain that can't be read counts as
// an unknown client, which no network has.
func (n networks) clientOf(r *http.Request) netip.Addr {
	peer := peerOf(r)
	if !n.has(peer) {
		return peer
	}
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	client := peer
	for i := len(chain) - 1; i >= 0; i-- {
		hop := strings.TrimSpace(chain[i])
		if hop == "" && len(chain) == 1 {
			return peer
		}
		addr, err := netip.ParseAddr(hop)
		if err != nil {
			return netip.Addr{}
		}
		client = addr.Unmap()
		if !n.has(client) {
			break
		}
	}
	return client
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
