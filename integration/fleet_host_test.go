//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/client"
	"github.com/stretchr/testify/require"

	"teal/consul/consultest"
)

// fleetHost is one Docker host of a fleet: a machine with an address that the
// others reach, whose agent is a client of the fleet's Consul.
type fleetHost struct {
	*machine
	number int
	name   string // of its Consul node
	ip     string
	net    *fleetNetwork
}

// newFleetHost makes a host whose engine is starting. begin goes on from there,
// so that the engines of several start side by side.
func newFleetHost(t testing.TB, n *fleetNetwork, number int) *fleetHost {
	t.Helper()
	name := fmt.Sprintf("host-%d", number)
	h := &fleetHost{machine: newRoom(t, name), number: number, name: name, ip: n.address(10 + number), net: n}
	h.network = []string{"--tls=false", "--host", h.tcp(), "--insecure-registry", n.subnet + ".0/24"}
	h.plugIn()
	h.startEngine()
	var err error
	h.docker, err = client.NewClientWithOpts(client.WithHost(h.endpoint()), client.WithAPIVersionNegotiation())
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.docker.Close() })
	return h
}

// tcp is how deployers reach the engine: by the network, which may fail.
func (h *fleetHost) tcp() string { return fmt.Sprintf("tcp://%s:2375", h.ip) }

// plugIn connects the namespaces and gives them a path that lasts when they are
// made again.
func (h *fleetHost) plugIn() {
	h.t.Helper()
	h.net.connect(h.machine, h.name, h.ip, 10+h.number)
	_ = os.Remove(h.path("net"))
	require.NoError(h.t, os.Symlink(fmt.Sprintf("/proc/%d/ns/net", h.init), h.path("net")))
}

// joinConsul starts the host's agent as a client of the server at an address.
func (h *fleetHost) joinConsul(server string) {
	h.t.Helper()
	h.consul = consultest.Start(h.t,
		consultest.DataDir(h.path("consul")),
		consultest.Inside(h.path("consul.sock"), "nsenter", "--net="+h.path("net")),
		consultest.HCL(fmt.Sprintf(`
			node_name = %q bind_addr = %q server = false bootstrap_expect = 0
			retry_join = [%q] retry_interval = "1s" ports { serf_lan = 8301 }`, h.name, h.ip, server)),
	)
}

func (h *fleetHost) startRegistrator() {
	h.t.Helper()
	cmd := h.enter(teal(h.t), "registrator", "--docker", h.endpoint(), "--docker-advertise", h.tcp())
	cmd.Env = append(os.Environ(), "CONSUL_HTTP_ADDR="+h.consul.Addr)
	h.registrator = startDaemon(h.t, cmd)
}

// stop is a power cut: all that runs on the host ends at once, its containers
// too, and packets to it vanish.
func (h *fleetHost) stop() {
	h.t.Helper()
	h.net.unplug(h.name) // who dies says goodbye otherwise
	h.keeper.end(syscall.SIGKILL)
	h.consul.Kill()
}

// start brings a stopped host back as it was, less what lay in memory.
func (h *fleetHost) start() {
	h.t.Helper()
	require.NoError(h.t, os.RemoveAll(h.path("exec")))
	_ = os.Remove(h.path("dockerd.pid"))
	h.isolate()
	h.plugIn()
	h.startEngine()
	h.consul.Restart()
	h.awaitEngine()
	h.startRegistrator()
}

// engineStart is how long an engine may take that comes back after a power cut: it
// starts the containers that it had before it answers.
const engineStart = 3 * time.Minute

// awaitEngine waits until the engine answers.
func (h *fleetHost) awaitEngine() {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		ctx, done := context.WithTimeout(context.Background(), 5*time.Second)
		defer done()
		_, err := h.docker.Ping(ctx)
		return err == nil
	}, engineStart, fleetPoll, "the engine of %s does not answer", h.name)
}

// fleetProgram is the path of a program that make setup provides.
func fleetProgram(t testing.TB, name string) string {
	t.Helper()
	if path, err := filepath.Abs("../bin/" + name); err == nil {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	require.NoError(t, err, "run make setup first")
	return path
}

// fleetPoll is the pause between two looks.
const fleetPoll = 20 * time.Millisecond
