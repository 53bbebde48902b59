package store

import "net"

// version is the Consul release whose API the store follows.
const version = "1.22.0"

// serverPort is the port the node claims to serve other Consul servers on.
// Nothing listens there.
const serverPort = 8300

// node is the one node, as Consul's JSON shows it.
type node struct {
	ID              string
	Node            string
	Address         string
	Datacenter      string
	TaggedAddresses map[string]string
	Meta            map[string]string
	CreateIndex     uint64
	ModifyIndex     uint64
}

func newNode(opts Options) *node {
	addresses := map[string]string{"lan": opts.AdvertiseAddr, "wan": opts.AdvertiseAddr}
	if family := addressFamily(opts.AdvertiseAddr); family != "" {
		addresses["lan_"+family] = opts.AdvertiseAddr
		addresses["wan_"+family] = opts.AdvertiseAddr
	}
	return &node{
		ID:              newUUID(),
		Node:            opts.NodeName,
		Address:         opts.AdvertiseAddr,
		Datacenter:      opts.Datacenter,
		TaggedAddresses: addresses,
		Meta:            map[string]string{"consul-network-segment": "", "consul-version": version},
	}
}

// addressFamily is "ipv4", "ipv6", or empty for a name.
func addressFamily(addr string) string {
	ip := net.ParseIP(addr)
	switch {
	case ip == nil:
		return ""
	case ip.To4() != nil:
		return "ipv4"
	}
	return "ipv6"
}
