//go:build integration

package integration

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// wave is a service whose instances live in this process and die without warning.
const wave = "teal-test-wave"

// fullStop ends each answer, so that one that was cut off is told from a whole one.
const fullStop = "the end\n"

// doomed is an instance that can be killed as a power cut would: whoever is
// connected to it is reset.
type doomed struct {
	id, addr string
	server   *http.Server
	listener net.Listener
	hold     chan struct{} // a request to /hold stays until it is closed

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// newDoomed starts an instance and registers it.
func newDoomed(t *testing.T, w *world, colour catalog.Colour, n int) *doomed {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := &doomed{id: fmt.Sprintf("%s-%s-%d", wave, colour, n), addr: l.Addr().String(), listener: l, hold: make(chan struct{}), conns: map[net.Conn]bool{}}
	d.server = &http.Server{Handler: d, ConnState: d.state, ReadHeaderTimeout: patience}
	go func() { _ = d.server.Serve(l) }()
	t.Cleanup(d.kill)
	require.NoError(t, w.consul.Client().Agent().ServiceRegister(&api.AgentServiceRegistration{
		ID: d.id, Name: wave, Address: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Tags: []string{production, string(colour)},
		Check: &api.AgentServiceCheck{TTL: "10m", Status: api.HealthPassing},
	}))
	return d
}

func (d *doomed) state(c net.Conn, s http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch s {
	case http.StateNew:
		d.conns[c] = true
	case http.StateClosed, http.StateHijacked:
		delete(d.conns, c)
	}
}

// ServeHTTP takes its time, and sends some answers in parts.
func (d *doomed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if r.URL.Path == "/hold" {
		<-d.hold
	}
	time.Sleep(rand.N(30 * time.Millisecond))
	if r.URL.Path == "/stream" {
		for range 3 {
			_, _ = io.WriteString(w, d.id+"\n")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(rand.N(15 * time.Millisecond))
		}
	}
	_, _ = io.WriteString(w, fullStop)
}

// kill resets every connection and takes no other.
func (d *doomed) kill() {
	_ = d.listener.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

// bury takes a dead instance out of the catalogue.
func (d *doomed) bury(t *testing.T, w *world) {
	t.Helper()
	require.NoError(t, w.consul.Client().Agent().ServiceDeregister(d.id))
}
