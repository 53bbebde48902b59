package edge

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// DefaultProxyHeaderTimeout is how long a listed load balancer may take to send
// its PROXY header.
const DefaultProxyHeaderTimeout = 5 * time.Second

// ProxyHeaders says from whom a PROXY protocol header (version 1 or 2) is taken.
type ProxyHeaders struct {
	// From is the load balancers' networks. Nobody else's header is read: to the
	// router it is garbage at the start of a request, which is refused as such.
	From []netip.Prefix
	// Optional lets a listed load balancer leave the header out. By default such a
	// connection is refused: the receiver must not guess whether a header is there
	// (PROXY protocol, section 2), for behind a balancer that sends none a client
	// could send one itself and be whoever it likes. HAProxy and nginx refuse too.
	Optional bool
	// Timeout is for the header alone; 0 is DefaultProxyHeaderTimeout.
	Timeout time.Duration
}

// Listener is l with the real client as its connections' RemoteAddr.
// Connections from unlisted networks come out as l accepted them. Those from
// listed ones read their header at the first use, RemoteAddr included, which
// therefore may block for Timeout: don't ask for it in an accept loop.
func (p ProxyHeaders) Listener(l net.Listener) net.Listener {
	if len(p.From) == 0 {
		return l
	}
	timeout := p.Timeout
	if timeout == 0 {
		timeout = DefaultProxyHeaderTimeout
	}
	return &proxyproto.Listener{
		Listener:          l,
		ConnPolicy:        p.policy,
		ValidateHeader:    onlyTCP,
		ReadHeaderTimeout: timeout,
	}
}

func (p ProxyHeaders) policy(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
	switch {
	case !p.listed(o.Upstream):
		return proxyproto.SKIP, nil
	case p.Optional:
		return proxyproto.USE, nil
	default:
		return proxyproto.REQUIRE, nil
	}
}

func (p ProxyHeaders) listed(peer net.Addr) bool {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return false
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, network := range p.From {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// onlyTCP refuses headers that tell of anything but a TCP client. One without a
// client, as in a balancer's own health check, leaves the peer's address.
func onlyTCP(h *proxyproto.Header) error {
	if h.Command.IsLocal() || h.SourceAddr == nil {
		return nil
	}
	if _, ok := h.SourceAddr.(*net.TCPAddr); !ok {
		return fmt.Errorf("the PROXY header tells of a client at %s, which is not TCP; let the load balancer send headers for TCP connections only", h.SourceAddr.Network())
	}
	return nil
}
