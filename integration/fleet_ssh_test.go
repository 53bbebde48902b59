//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fleetSSH is how a fleet's hosts are reached by SSH: a key, and an ssh on the
// PATH that knows it.
type fleetSSH struct {
	t   *testing.T
	dir string
}

// startSSH puts an SSH daemon on each host, and for the test's deployers an ssh on
// the PATH that may log in there.
func (w *fleetWorld) startSSH(t *testing.T) *fleetSSH {
	t.Helper()
	s := &fleetSSH{t: t, dir: t.TempDir()}
	s.makeKey("id")
	config := writeFile(t, "ssh_config", fmt.Sprintf("Host *\nIdentityFile %s\nIdentitiesOnly yes\nUserKnownHostsFile %s\nStrictHostKeyChecking accept-new\n",
		s.path("id"), s.path("known_hosts")))
	program := fleetProgram(t, "ssh")
	require.NoError(t, os.WriteFile(s.path("ssh"), fmt.Appendf(nil, "#!/bin/sh\nexec %s -F %s \"$@\"\n", program, config), 0o700))
	t.Setenv("PATH", s.dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, h := range w.hosts {
		s.start(h)
	}
	for _, h := range w.hosts {
		require.Eventually(t, func() bool {
			return exec.Command(s.path("ssh"), "root@"+h.ip, "true").Run() == nil
		}, patience, fleetPoll, "no SSH to %s", h.name)
	}
	return s
}

func (s *fleetSSH) path(name string) string { return filepath.Join(s.dir, name) }

func (s *fleetSSH) makeKey(name string) {
	s.t.Helper()
	said, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", s.path(name)).CombinedOutput()
	require.NoError(s.t, err, string(said))
}

// start is Debian's sshd as it comes, but for what must be of the test's own.
func (s *fleetSSH) start(h *fleetHost) {
	s.t.Helper()
	s.makeKey(h.name)
	config := writeFile(s.t, "sshd_config", fmt.Sprintf(
		"ListenAddress %s\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPidFile %s\nLogLevel VERBOSE\n",
		h.ip, s.path(h.name), s.path("id.pub"), s.pidFile(h)))
	startDaemon(s.t, h.enter("sh", "-c", `mkdir -p /run/sshd && exec "$0" -D -f "$1" -E "$2"`,
		fleetProgram(s.t, "sshd"), config, s.log(h)))
}

func (s *fleetSSH) pidFile(h *fleetHost) string { return s.path(h.name + ".pid") }

// kill ends the daemon of a host, and lets the connections that it has be.
func (s *fleetSSH) kill(h *fleetHost) {
	s.t.Helper()
	pid, err := os.ReadFile(s.pidFile(h)) // as the host counts
	require.NoError(s.t, err)
	require.NoError(s.t, h.enter("kill", "-KILL", strings.TrimSpace(string(pid))).Run())
}

func (s *fleetSSH) log(h *fleetHost) string { return s.path(h.name + ".log") }

// connections is how often somebody has logged in on a host.
func (s *fleetSSH) connections(h *fleetHost) int {
	s.t.Helper()
	text, err := os.ReadFile(s.log(h))
	require.NoError(s.t, err)
	return strings.Count(string(text), "Accepted publickey")
}

// over is the endpoint of a host's engine over SSH.
func (s *fleetSSH) over(h *fleetHost) string {
	return fmt.Sprintf("ssh://root@%s%s", h.ip, strings.TrimPrefix(h.endpoint(), "unix://"))
}

// Hosts that are reached by SSH, as the Docker CLI reaches them: two deployments
// and a rollback under load, and then one that finds a host without its sshd.
func TestFleetOverSSH(t *testing.T) {
	w := newFleetWorld(t)
	w.images(t, first, second)
	ssh := w.startSSH(t)
	var hosts []string
	for _, h := range w.hosts {
		hosts = append(hosts, ssh.over(h))
	}
	s := w.newShop(t, shop+"-ssh", shopFileOptions{hosts: hosts})
	s.mustDeploy(first)
	s.logSteps()
	l := s.startLoad(50)
	l.settled(20)
	before := ssh.connections(w.host(1))
	s.mustDeploy(second)
	s.logSteps()
	t.Logf("a deployment logs in %d times on a host", ssh.connections(w.host(1))-before)
	require.Equal(t, s.whole(), s.passing(second))
	took := s.timeRollback(first)
	t.Logf("rollback: every router had it after %s", took.Round(time.Millisecond))
	requireAtOnce(t, took)
	require.Empty(t, s.leftovers())

	ssh.kill(w.host(2))
	r := s.deployFile(s.file, second)
	require.Equal(t, exitUntouched, r.code, r.out)
	require.Contains(t, r.out, "cannot reach Docker at "+ssh.over(w.host(2)))
	require.Contains(t, r.out, "Connection refused")
	t.Log(r.out)
	require.Equal(t, first, s.liveRelease())
	require.Empty(t, s.leftovers())
	l.end()
}
