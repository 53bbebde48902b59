//go:build integration

package integration

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// fleetPrefix begins the names of all that a fleet has outside its namespaces.
// What follows it is the id of the test's process.
const fleetPrefix = "teal-fleet-"

// newRoom makes namespaces of the fleet's, with a folder of their own.
func newRoom(t testing.TB, name string) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-%s-", fleetPrefix, os.Getpid(), name))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	m := &machine{t: t, dir: dir}
	t.Cleanup(m.removeGroups)
	m.isolate()
	return m
}

// fleetNetwork is an Ethernet that this machine and the fleet's hosts are plugged
// into. Its switch is in a namespace of its own, where no packet filter of this
// machine interferes, and everything of it ends with that namespace.
type fleetNetwork struct {
	t      testing.TB
	room   *machine
	subnet string // the first three numbers
	device string // this machine's end
}

func newFleetNetwork(t testing.TB) *fleetNetwork {
	t.Helper()
	n := &fleetNetwork{t: t, room: newRoom(t, "switch"), subnet: freeSubnet(t), device: fmt.Sprintf("teal%d", os.Getpid())}
	n.inside("ip link add switch type bridge")
	n.inside("ip link set switch up")
	n.command("ip link add %s type veth peer name here netns %d", n.device, n.room.init)
	t.Cleanup(func() { _ = exec.Command("ip", "link", "delete", n.device).Run() }) // the namespace's end does so too, but later
	n.plug("here")
	n.command("ip address add %s/24 dev %s", n.address(1), n.device)
	n.command("ip link set %s up", n.device)
	return n
}

// freeSubnet is one that this machine has no address in.
func freeSubnet(t testing.TB) string {
	t.Helper()
	taken := map[string]bool{}
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil {
			taken[strings.TrimSuffix(ip.IP.Mask(net.CIDRMask(24, 32)).String(), ".0")] = true
		}
	}
	begin := rand.IntN(256)
	for i := range 256 {
		if subnet := fmt.Sprintf("10.77.%d", (begin+i)%256); !taken[subnet] {
			return subnet
		}
	}
	require.Fail(t, "no subnet of 10.77.0.0/16 is free")
	return ""
}

func (n *fleetNetwork) address(last int) string { return fmt.Sprintf("%s.%d", n.subnet, last) }

// connect plugs the namespaces of a host in. This machine knows the host's
// hardware address for ever, so that connections to a host that is gone hang, as
// they do behind a router, rather than being told that nobody is there.
func (n *fleetNetwork) connect(host *machine, port, address string, last int) {
	n.t.Helper()
	hardware := fmt.Sprintf("02:77:00:00:00:%02x", last)
	n.command("ip link add eth0 netns %d type veth peer name %s netns %d", host.init, port, n.room.init)
	n.plug(port)
	n.in(host, "ip link set eth0 address %s", hardware)
	n.in(host, "ip address add %s/24 dev eth0", address)
	n.in(host, "ip link set eth0 up")
	n.command("ip neighbour replace %s lladdr %s nud permanent dev %s", address, hardware, n.device)
}

func (n *fleetNetwork) plug(port string) {
	n.t.Helper()
	n.inside("ip link set %s master switch", port)
	n.inside("ip link set %s up", port)
}

// cut takes a port's cable out. restore puts it back.
func (n *fleetNetwork) cut(port string)     { n.t.Helper(); n.inside("ip link set %s down", port) }
func (n *fleetNetwork) restore(port string) { n.t.Helper(); n.inside("ip link set %s up", port) }

// unplug forgets a port, so that a host can be connected anew.
func (n *fleetNetwork) unplug(port string) { n.t.Helper(); n.inside("ip link delete %s", port) }

// inside runs a command where the switch is.
func (n *fleetNetwork) inside(format string, args ...any) {
	n.t.Helper()
	n.in(n.room, format, args...)
}

func (n *fleetNetwork) in(m *machine, format string, args ...any) {
	n.t.Helper()
	mustRun(n.t, m.enter(strings.Fields(fmt.Sprintf(format, args...))...))
}

func (n *fleetNetwork) command(format string, args ...any) {
	n.t.Helper()
	words := strings.Fields(fmt.Sprintf(format, args...))
	mustRun(n.t, exec.Command(words[0], words[1:]...))
}

func mustRun(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v: %s", cmd.Args, out)
}

// sweepFleets removes what test processes that were killed have left: their
// processes and networks are gone with them, their folders and control groups
// are not.
func sweepFleets(t testing.TB) {
	t.Helper()
	for _, dir := range fleetFolders("/sys/fs/cgroup/*/", "/sys/fs/cgroup/") {
		children, _ := filepath.Glob(dir + "/*")
		for _, group := range append(children, dir) {
			_ = syscall.Rmdir(group)
		}
	}
	for _, dir := range fleetFolders(os.TempDir() + "/") {
		require.NoError(t, os.RemoveAll(dir))
	}
}

// fleetFolders are those of fleets whose process has ended.
func fleetFolders(parents ...string) []string {
	var dead []string
	for _, parent := range parents {
		found, _ := filepath.Glob(parent + fleetPrefix + "*")
		for _, dir := range found {
			number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), fleetPrefix), "-")
			if pid, err := strconv.Atoi(number); err == nil && !isTest(pid) {
				dead = append(dead, dir)
			}
		}
	}
	return dead
}

// isTest tells whether a process with that id runs a test, as the one may that
// a folder is named after.
func isTest(pid int) bool {
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && strings.Contains(filepath.Base(program), ".test") // "(deleted)" may follow
}
