package hosts

import (
	"fmt"
	"sync"
)

// Connections are hosts that were connected to. Each is connected to once: over SSH a
// connection is a login, and who follows logs or watches how things stand looks
// every second. They are safe for concurrent use, and never closed.
type Connections struct {
	connect func(endpoint string) (Host, error)
	mu      sync.Mutex
	hosts   map[string]Host // by endpoint
}

// NewConnections are none yet; connect is called once for each endpoint, one at a
// time, when it is first needed.
func NewConnections(connect func(endpoint string) (Host, error)) *Connections {
	return &Connections{connect: connect, hosts: map[string]Host{}}
}

// at is the host at an endpoint.
func (c *Connections) at(endpoint string) (Host, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.hosts[endpoint]; ok {
		return h, nil
	}
	h, err := c.connect(endpoint)
	if err != nil {
		return nil, err
	}
	c.hosts[endpoint] = h
	return h, nil
}

// Connected is a host and where it is.
type Connected struct {
	Host
	Endpoint string // as a service file or a record names it
}

// To connects to endpoints and answers the hosts in their order, or the first error.
// What such a host does ends: one that does not answer is an error in time.
func (c *Connections) To(endpoints []string) ([]Connected, error) {
	hosts := make([]Connected, 0, len(endpoints))
	for _, endpoint := range endpoints {
		h, err := c.at(endpoint)
		if err != nil {
			return nil, fmt.Errorf("connect to host %s: %w", endpoint, err)
		}
		hosts = append(hosts, Connected{Host: boundedHost{h}, Endpoint: endpoint})
	}
	return hosts, nil
}
