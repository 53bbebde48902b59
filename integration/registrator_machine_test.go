//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
	"github.com/stretchr/testify/require"

	"teal/consul/consultest"
	"teal/integration/testimage"
)

// patient is the image of the containers on a machine.
const patient = "teal-test/patient:v1"

// machine is a host of the test's own: a Docker engine, a Consul agent and a
// registrator, any of which may be killed. Engine and agent live in namespaces
// of their own for networks, processes and mounts, so they neither see what else
// runs here nor are seen by it, and end with the namespaces' first process. They
// are reached by sockets.
type machine struct {
	t           testing.TB
	dir         string
	init        int      // the namespaces' first process
	keeper      *daemon  // ends the namespaces, and all that is in them, with itself
	network     []string // what the engine is told of its network
	liveRestore bool
	engine      *daemon
	docker      *client.Client
	consul      *consultest.Agent
	registrator *daemon
	made        int // containers
}

func newMachine(t testing.TB, options ...consultest.Option) *machine {
	t.Helper()
	require.Zero(t, os.Geteuid(), "a Docker engine of the test's own needs namespaces; run the integration tests as root")
	dir, err := os.MkdirTemp("", "teal-machine-") // sockets have short names
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	m := &machine{t: t, dir: dir, network: []string{"--bip", "172.31.99.1/24", "--iptables=false", "--ip-masq=false", "--ip-forward=false"}}
	t.Cleanup(m.removeGroups)
	require.NoError(t, os.Mkdir(m.path("truth"), 0o777))
	m.isolate()
	m.startEngine()
	m.docker, err = client.NewClientWithOpts(client.WithHost(m.endpoint()), client.WithAPIVersionNegotiation())
	require.NoError(t, err)
	t.Cleanup(m.closeEngine)
	m.awaitEngine()
	t.Setenv(client.EnvOverrideHost, m.endpoint())
	testimage.Build(t, patient, "teal/integration/testimage/patient")
	network := fmt.Sprintf("--net=/proc/%d/ns/net", m.init)
	m.consul = consultest.Start(t, append(options, consultest.Inside(m.path("consul.sock"), "nsenter", network))...)
	return m
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

func (m *machine) endpoint() string { return "unix://" + m.path("docker.sock") }

// isolate makes the namespaces. Their first process is a shell, which buries the
// orphans, as an init does. What is in /run ends with them.
func (m *machine) isolate() {
	m.t.Helper()
	ready := m.path("ready")
	_ = os.Remove(ready) // of those before
	keeper := startDaemon(m.t, exec.Command("unshare", "--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc",
		"sh", "-c", `mount -t tmpfs tmpfs /run && ip link set lo up && touch "$0" && { sleep infinity & wait; }`, ready))
	m.keeper = keeper
	m.t.Cleanup(func() { keeper.end(syscall.SIGKILL) }) // SIGTERM, the other clean-up, is lost on a first process
	require.Eventually(m.t, func() bool {
		_, err := os.Stat(ready)
		return err == nil
	}, patience, 10*time.Millisecond, "no namespaces; util-linux and iproute2 are needed")
	pid := keeper.cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	require.NoError(m.t, err)
	m.init, err = strconv.Atoi(strings.TrimSpace(string(children)))
	require.NoError(m.t, err)
}

// enter is a command within the namespaces.
func (m *machine) enter(words ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--target", strconv.Itoa(m.init), "--net", "--pid", "--mount"}, words...)...)
}

func (m *machine) startEngine() {
	m.t.Helper()
	words := []string{
		"dockerd", "--data-root", m.path("data"), "--exec-root", m.path("exec"), "--pidfile", m.path("dockerd.pid"),
		"--host", m.endpoint(), "--cgroup-parent", m.cgroup(), "--log-level=fatal",
	}
	words = append(words, m.network...)
	if m.liveRestore {
		words = append(words, "--live-restore")
	}
	m.engine = startDaemon(m.t, m.enter(words...))
}

// awaitEngine waits until the engine answers.
func (m *machine) awaitEngine() {
	m.t.Helper()
	require.Eventually(m.t, func() bool {
		_, err := m.docker.Ping(context.Background())
		return err == nil
	}, patience, 5*time.Millisecond, "the engine of the test's own does not answer")
}

// killEngine ends dockerd without a chance to tidy up. Its containers run on.
func (m *machine) killEngine() {
	m.t.Helper()
	pid, err := os.ReadFile(m.path("dockerd.pid"))
	require.NoError(m.t, err)
	require.NoError(m.t, m.enter("kill", "-KILL", strings.TrimSpace(string(pid))).Run())
	m.engine.end(syscall.SIGTERM) // nsenter ends with what it runs
	// Among so few processes the number in the file soon is somebody else's.
	require.NoError(m.t, os.Remove(m.path("dockerd.pid")))
}

// closeEngine removes all containers.
func (m *machine) closeEngine() {
	ctx := context.Background()
	all, _ := m.docker.ContainerList(ctx, container.ListOptions{All: true})
	for _, c := range all {
		_ = m.docker.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true})
	}
	_ = m.docker.Close()
}

// cgroup is the parent of the containers' control groups.
func (m *machine) cgroup() string { return "/" + filepath.Base(m.dir) }

// removeGroups removes the control groups, which outlast the namespaces. It waits
// for the last process in them to end.
func (m *machine) removeGroups() {
	require.Eventually(m.t, func() bool {
		groups, _ := filepath.Glob("/sys/fs/cgroup/*" + m.cgroup())
		groups = append(groups, "/sys/fs/cgroup"+m.cgroup())
		for _, group := range groups {
			children, _ := filepath.Glob(group + "/*")
			for _, dir := range append(children, group) {
				_ = syscall.Rmdir(dir) // the files in it are the kernel's and no hindrance
			}
		}
		return !slices.ContainsFunc(groups, func(group string) bool { _, err := os.Stat(group); return err == nil })
	}, patience, 50*time.Millisecond, "control groups of the test stay in /sys/fs/cgroup")
}

// startRegistrator starts the program under test as an operator does.
func (m *machine) startRegistrator() {
	m.t.Helper()
	cmd := exec.Command(teal(m.t), "registrator", "--docker", m.endpoint(), "--owner", "proof", "--ip", "127.0.0.1", "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "CONSUL_HTTP_ADDR="+m.consul.Addr)
	m.registrator = startDaemon(m.t, cmd)
}

// order is a container to make. Its zero value is a web server that is well at
// once, restarts never, and is checked five times a second.
type order struct {
	name     string // made up if empty
	labels   map[string]string
	env      []string
	health   *container.HealthConfig
	restart  container.RestartPolicyMode
	interval time.Duration // of Consul's check; negative for none
}

// create makes a container and answers its id.
func (m *machine) create(o order) (string, error) {
	m.made++
	if o.name == "" {
		o.name = fmt.Sprintf("patient-%d", m.made)
	}
	labels := map[string]string{"SERVICE_NAME": "patient", "SERVICE_ENVIRONMENT": production}
	if o.interval == 0 {
		o.interval = 200 * time.Millisecond
	}
	if o.interval > 0 {
		labels["SERVICE_CHECK_HTTP"], labels["SERVICE_CHECK_INTERVAL"], labels["SERVICE_CHECK_TIMEOUT"] = "/", o.interval.String(), "200ms"
	}
	for name, value := range o.labels {
		labels[name] = value
	}
	made, err := m.docker.ContainerCreate(context.Background(), &container.Config{
		Image: patient, Labels: labels, Env: o.env, Healthcheck: o.health, ExposedPorts: nat.PortSet{"8080/tcp": {}},
	}, &container.HostConfig{
		PortBindings:  nat.PortMap{"8080/tcp": {{HostIP: "0.0.0.0"}}},
		Binds:         []string{m.path("truth") + ":/truth"},
		RestartPolicy: container.RestartPolicy{Name: o.restart},
	}, nil, nil, o.name)
	return made.ID, err
}

// run makes and starts a container, which must succeed.
func (m *machine) run(o order) string {
	m.t.Helper()
	id, err := m.create(o)
	require.NoError(m.t, err)
	require.NoError(m.t, m.docker.ContainerStart(context.Background(), id, container.StartOptions{}))
	return id
}

// exec runs the patient's program again in its container.
func (m *machine) exec(id, word string) {
	m.t.Helper()
	ctx := context.Background()
	made, err := m.docker.ContainerExecCreate(ctx, id, container.ExecOptions{Cmd: []string{"/app", word}})
	require.NoError(m.t, err)
	require.NoError(m.t, m.docker.ContainerExecStart(ctx, made.ID, container.ExecStartOptions{}))
	require.Eventually(m.t, func() bool {
		in, err := m.docker.ContainerExecInspect(ctx, made.ID)
		return err == nil && !in.Running && in.ExitCode == 0
	}, patience, 10*time.Millisecond, "/app %s in %s", word, id)
}
