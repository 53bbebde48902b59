// Package consultest starts real Consul agents for tests, so that what Teal
// believes of Consul is tried on Consul.
package consultest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"
)

const (
	// startTimeout is how long an agent may take until it has a leader and its
	// node is in the catalogue.
	startTimeout = 60 * time.Second
	// stopTimeout is how long an agent may take to leave before it is killed.
	stopTimeout = 15 * time.Second
	poll        = 50 * time.Millisecond
	// startAttempts is how many sets of ports to try: a free port may be taken
	// by somebody else before the agent binds it.
	startAttempts = 3
)

// Option changes how an agent is started.
type Option func(*Agent)

// DataDir makes the agent a server with a data directory, which it finds again
// after Restart. Without it the agent keeps everything in memory.
func DataDir(dir string) Option {
	return func(a *Agent) { a.dataDir = dir }
}

// ACLs makes the agent refuse whatever no token allows. root may do anything and
// is the agent's own token, and what Client uses.
func ACLs(root string) Option {
	return func(a *Agent) {
		a.token = root
		a.config = append(a.config, fmt.Sprintf(
			`acl { enabled = true default_policy = "deny" tokens { initial_management = %q agent = %q } }`, root, root))
	}
}

// HCL adds to the agent's configuration.
func HCL(text string) Option {
	return func(a *Agent) { a.config = append(a.config, text) }
}

// Inside starts the agent by a command that runs the one it is given, such as
// `nsenter --net=…`, and makes Addr the socket: what listens on an address of
// another network is not for the test to reach.
func Inside(socket string, command ...string) Option {
	return func(a *Agent) { a.socket, a.command = socket, command }
}

// Agent is a running Consul that serves the HTTP API on Addr. Its methods are
// for the test's goroutine.
type Agent struct {
	// Addr is the host:port of the HTTP API, or unix:// and the path of its
	// socket. It survives Restart.
	Addr string

	t       testing.TB
	binary  string
	ports   []int
	dataDir string
	socket  string
	command []string // before the agent's own
	config  []string // HCL
	token   string   // of Client
	output  *os.File
	process *process
}

// Start starts a Consul that ends with the test, and even if the test process
// is killed. It returns once the agent has a leader and its node is in the
// catalogue. A missing binary fails the test rather than skipping it.
func Start(t testing.TB, options ...Option) *Agent {
	t.Helper()
	binary, err := find()
	require.NoError(t, err)
	output, err := os.Create(filepath.Join(t.TempDir(), "consul.log"))
	require.NoError(t, err)
	a := &Agent{t: t, binary: binary, output: output}
	for _, option := range options {
		option(a)
	}
	t.Cleanup(a.close)
	for range startAttempts {
		a.ports = freePorts(4)
		a.Addr = a.address()
		if err = a.start(); err == nil {
			return a
		}
		a.Kill()
	}
	require.NoError(t, err)
	return nil
}

// Client returns a client of the agent.
func (a *Agent) Client() *api.Client {
	a.t.Helper()
	client, err := api.NewClient(&api.Config{Address: a.Addr, Token: a.token, Transport: &http.Transport{DisableKeepAlives: true}})
	require.NoError(a.t, err)
	return client
}

// Pid returns the id of the agent's process, 0 if it is stopped.
func (a *Agent) Pid() int {
	if a.process == nil {
		return 0
	}
	return a.process.cmd.Process.Pid
}

// Stop ends the agent as an operator would. Stopping a stopped agent does
// nothing.
func (a *Agent) Stop() {
	a.t.Helper()
	a.end(os.Interrupt)
}

// Kill ends the agent without a chance to tidy up.
func (a *Agent) Kill() {
	a.t.Helper()
	a.end(os.Kill)
}

// Restart stops the agent if it runs and starts it on the same ports. An agent
// with a data directory finds its data again, any other has forgotten it.
func (a *Agent) Restart() {
	a.t.Helper()
	a.Stop()
	require.NoError(a.t, a.start())
}

// RestartWiped is Restart with nothing left of the data.
func (a *Agent) RestartWiped() {
	a.t.Helper()
	a.Stop()
	if a.dataDir != "" {
		require.NoError(a.t, os.RemoveAll(a.dataDir))
	}
	require.NoError(a.t, a.start())
}

func (a *Agent) start() error {
	words := slices.Concat(a.command, []string{a.binary}, a.args())
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = a.output, a.output
	p, err := startProcess(cmd)
	if err != nil {
		return fmt.Errorf("starting Consul: %w", err)
	}
	a.process = p
	if err := a.awaitReady(); err != nil {
		return fmt.Errorf("waiting for Consul: %w", err)
	}
	return nil
}

func (a *Agent) address() string {
	if a.socket != "" {
		return "unix://" + a.socket
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(a.ports[0]))
}

func (a *Agent) args() []string {
	args := []string{
		"agent", "-bind=127.0.0.1", "-client=127.0.0.1", "-node=consultest", "-log-level=err",
		"-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1", "-https-port=-1",
		fmt.Sprintf("-http-port=%d", a.ports[0]),
		fmt.Sprintf("-serf-lan-port=%d", a.ports[1]),
		fmt.Sprintf("-serf-wan-port=%d", a.ports[2]),
		fmt.Sprintf("-server-port=%d", a.ports[3]),
	}
	for _, hcl := range a.config {
		args = append(args, "-hcl="+hcl)
	}
	if a.socket != "" {
		args = append(args, fmt.Sprintf("-hcl=addresses { http = %q }", a.Addr))
	}
	if a.dataDir == "" {
		return append(args, "-dev")
	}
	// A server waits for a quorum far away unless told that nobody is.
	return append(args, "-server", "-bootstrap-expect=1", "-data-dir="+a.dataDir, "-hcl=performance { raft_multiplier = 1 }")
}

// awaitReady waits until writes work and the node is registered, or the
// process has ended.
func (a *Agent) awaitReady() error {
	client := a.Client()
	deadline := time.Now().Add(startTimeout)
	for time.Now().Before(deadline) {
		if ready(client) {
			return nil
		}
		select {
		case err := <-a.process.done:
			a.process.done <- err
			return fmt.Errorf("the process ended: %w", err)
		case <-time.After(poll):
		}
	}
	return errors.New("timed out")
}

// ready reports whether the agent has a leader and the node's checks are in
// the catalogue, which sessions need. How the node's services are is nothing to
// the agent.
func ready(client *api.Client) bool {
	leader, err := client.Status().Leader()
	if err != nil || leader == "" {
		return false
	}
	self, err := client.Agent().Self()
	if err != nil {
		return false
	}
	name, _ := self["Config"]["NodeName"].(string)
	checks, _, err := client.Health().Node(name, &api.QueryOptions{Filter: `ServiceID == ""`})
	return err == nil && len(checks) > 0 && checks.AggregatedStatus() == api.HealthPassing
}

func (a *Agent) end(signal os.Signal) {
	a.t.Helper()
	if a.process == nil {
		return
	}
	a.process.end(signal, stopTimeout)
	a.process = nil
}

// close ends the agent with the test and shows what it said if the test failed.
func (a *Agent) close() {
	a.end(os.Kill)
	a.output.Close()
	if !a.t.Failed() {
		return
	}
	if said, err := os.ReadFile(a.output.Name()); err == nil && len(said) > 0 {
		a.t.Logf("output of Consul:\n%s", said)
	}
}

// find returns the Consul binary: bin/consul beside go.mod, or one on the PATH.
func find() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			candidate := filepath.Join(dir, "bin", "consul")
			if _, err := os.Stat(candidate); err == nil {
				return candidate, nil
			}
			break
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if path, err := exec.LookPath("consul"); err == nil {
		return path, nil
	}
	return "", errors.New("no Consul in bin/ or on the PATH: run make setup")
}

// freePorts returns ports that are free for TCP and UDP. They are held until
// all are found, so that they differ. The kernel gives none of them to who asks
// for any, so that an agent that restarts is likely to find them free again.
func freePorts(n int) []int {
	var ports []int
	for len(ports) < n {
		port := 10_000 + rand.IntN(20_000)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		defer tcp.Close()
		udp, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		defer udp.Close()
		ports = append(ports, port)
	}
	return ports
}
