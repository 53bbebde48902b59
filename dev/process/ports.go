package process

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"

	"teal/catalog"
)

// Ports are taken from below the range that systems use for outgoing
// connections, where a port that was free a moment ago may be gone.
const (
	firstPort = 20000
	lastPort  = 32000
	portTries = 500
	loopback  = "127.0.0.1"
)

// publish gives each port of a spec the port of the loopback interface that it
// asks for, or a free one.
func publish(spec []catalog.Port, taken map[int]bool) ([]catalog.Port, error) {
	ports := make([]catalog.Port, len(spec))
	for i, p := range spec {
		protocol := cmp.Or(p.Protocol, "tcp")
		host, err := hostPort(p.Host, protocol, taken)
		if err != nil {
			return nil, err
		}
		taken[host] = true
		ports[i] = catalog.Port{Private: p.Private, Protocol: protocol, HostIP: loopback, Host: host}
	}
	return ports, nil
}

func hostPort(wanted int, protocol string, taken map[int]bool) (int, error) {
	if wanted == 0 {
		return freePort(protocol, taken)
	}
	if taken[wanted] || !bindable(protocol, wanted) {
		return 0, fmt.Errorf("%s port %d on %s is taken by another process or program; end that, or publish another port", protocol, wanted, loopback)
	}
	return wanted, nil
}

func freePort(protocol string, taken map[int]bool) (int, error) {
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if !taken[port] && bindable(protocol, port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free %s port from %d to %d on %s; end some programs that listen there", protocol, firstPort, lastPort, loopback)
}

func bindable(protocol string, port int) bool {
	address := net.JoinHostPort(loopback, strconv.Itoa(port))
	if protocol == "udp" {
		conn, err := net.ListenPacket("udp4", address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
