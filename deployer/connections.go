package deployer

import "sync"

// connections are the hosts that a Deployer has connected to. Each is connected to
// once: over SSH a connection is a login, and who follows logs or watches how
// things stand looks every second.
type connections struct {
	mu    sync.Mutex
	hosts map[string]Host // by endpoint
}

// at is the host at an endpoint.
func (c *connections) at(endpoint string, connect func(string) (Host, error)) (Host, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.hosts[endpoint]; ok {
		return h, nil
	}
	h, err := connect(endpoint)
	if err != nil {
		return nil, err
	}
	if c.hosts == nil {
		c.hosts = map[string]Host{}
	}
	c.hosts[endpoint] = h
	return h, nil
}
