//go:build integration

package integration

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/client"
	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/consul/consultest"
)

// fleetSize is how many Docker hosts a fleet has.
const fleetSize = 3

// fleetWorld is Teal on several hosts: Docker engines in namespaces of their own,
// each with an address, a Consul agent and a registrator, a registry that they
// pull from, and two routers. The Consul server, the registry and the routers run
// on this machine, which has the first address of the fleet's network.
type fleetWorld struct {
	net      *fleetNetwork
	consul   *consultest.Agent // the server
	hosts    []*fleetHost
	registry string   // host:port
	routers  []*world // proxy and admin are each router's
	wire     *forwarder
	shops    atomic.Int32 // that were made for trials
}

// newFleetWorld starts a fleet that ends with t. Sub-tests may share it.
func newFleetWorld(t *testing.T) *fleetWorld {
	t.Helper()
	require.Zero(t, os.Geteuid(), "a fleet of the test's own needs namespaces; run the integration tests as root")
	began := time.Now()
	sweepFleets(t)
	w := &fleetWorld{net: newFleetNetwork(t)}
	for n := range fleetSize {
		w.hosts = append(w.hosts, newFleetHost(t, w.net, n+1))
	}
	w.registry = startFleetRegistry(t, w.net.address(1))
	w.startConsul(t)
	for n := range 2 {
		w.startRouter(t, n)
	}
	for _, h := range w.hosts {
		h.awaitEngine()
		h.startRegistrator()
	}
	for _, r := range w.routers {
		r.awaitRouter(t)
	}
	w.wire = newForwarder(t, w.consul.Addr)
	t.Logf("the fleet is up after %s", time.Since(began).Round(10*time.Millisecond))
	return w
}

// startConsul starts the server and then the agents of the hosts.
func (w *fleetWorld) startConsul(t *testing.T) {
	t.Helper()
	ip := w.net.address(1)
	w.consul = consultest.Start(t, consultest.DataDir(t.TempDir()), consultest.HCL(fmt.Sprintf(
		`node_name = "server" bind_addr = %q ports { serf_lan = 8301 server = 8300 }`, ip)))
	for _, h := range w.hosts {
		h.joinConsul(net.JoinHostPort(ip, "8301"))
	}
}

func (w *fleetWorld) startRouter(t *testing.T, n int) {
	t.Helper()
	r := &world{consul: w.consul, proxy: freeAddr(t), admin: freeAddr(t)}
	w.routers = append(w.routers, r)
	r.start(t, "", "router", "--listen", r.proxy, "--admin", r.admin, "--domain", "localhost",
		"--advertise", "127.0.0.1", "--id", fmt.Sprintf("router-%d", n+1))
}

// env is the environment of a teal command that reaches Consul by a wire. Docker
// commands in it go to the first host.
func (w *fleetWorld) env(wire *forwarder, more ...string) []string {
	return append(append(os.Environ(), "CONSUL_HTTP_ADDR="+wire.addr, client.EnvOverrideHost+"="+w.hosts[0].endpoint()), more...)
}

// run runs a teal command to its end.
func (w *fleetWorld) run(t *testing.T, env []string, args ...string) result {
	t.Helper()
	return runTeal(t, w.env(w.wire, env...), args...)
}

// cutConsul makes Consul hang for teal commands. Routers and registrators have
// other wires. restoreConsul ends it.
func (w *fleetWorld) cutConsul() { w.wire.hang() }

func (w *fleetWorld) restoreConsul(t testing.TB) { t.Helper(); w.wire.restore(t) }

// host is the n-th host, from 1.
func (w *fleetWorld) host(n int) *fleetHost { return w.hosts[n-1] }

// stopHost is a power cut of the n-th host, from 1. startHost brings it back.
func (w *fleetWorld) stopHost(n int)  { w.host(n).stop() }
func (w *fleetWorld) startHost(n int) { w.host(n).start() }

// cutHost takes the n-th host off the network, where it runs on. joinHost puts it
// back.
func (w *fleetWorld) cutHost(n int)  { w.net.cut(w.host(n).name) }
func (w *fleetWorld) joinHost(n int) { w.net.restore(w.host(n).name) }

// awaitLost waits until Consul has noticed that the n-th host is gone, and
// awaitBack until it is well again.
func (w *fleetWorld) awaitLost(t testing.TB, n int) {
	t.Helper()
	w.awaitNode(t, n, api.HealthCritical)
}

func (w *fleetWorld) awaitBack(t testing.TB, n int) { t.Helper(); w.awaitNode(t, n, api.HealthPassing) }

func (w *fleetWorld) awaitNode(t testing.TB, n int, status string) {
	t.Helper()
	require.Eventually(t, func() bool {
		checks, _, err := w.consul.Client().Health().Node(w.host(n).name, &api.QueryOptions{Filter: `ServiceID == ""`})
		return err == nil && len(checks) > 0 && checks.AggregatedStatus() == status
	}, engineStart, fleetPoll, "the node of host %d is not %s", n, status)
}
