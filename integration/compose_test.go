//go:build integration

package integration

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// composeShop is the service that docker-compose.yml deploys.
const composeShop = "shop"

// composed is docker-compose.yml, up, under a project name and on ports of its
// own.
type composed struct {
	env   []string
	proxy string
	admin string
}

// compose runs a Compose command on docker-compose.yml to its end.
func (c composed) compose(t *testing.T, more []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute)
	defer cancel()
	command := append(composeCommand(t), "--file", "../docker-compose.yml", "--project-name", "teal-test")
	command = append(command, args...)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(append(os.Environ(), c.env...), more...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", strings.Join(command, " "), out)
	return string(out)
}

// composeCommand is Compose as a plugin of the Docker CLI, or by itself.
func composeCommand(t *testing.T) []string {
	t.Helper()
	if exec.Command("docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}
	}
	path, err := exec.LookPath("docker-compose")
	require.NoError(t, err, "no Compose; run make setup")
	return []string{path}
}

func composeUp(t *testing.T) composed {
	t.Helper()
	out, err := exec.Command("../scripts/images").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, containersOf(t, composeShop), "this engine runs a service called shop; the test would end it, so remove it first")
	port := func(addr string) string {
		_, p, err := net.SplitHostPort(addr)
		require.NoError(t, err)
		return p
	}
	c := composed{proxy: freeAddr(t), admin: freeAddr(t)}
	c.env = []string{"ROUTER_PORT=" + port(c.proxy), "ADMIN_PORT=" + port(c.admin)}
	for _, name := range []string{"CONSUL_PORT", "CONSUL_SERVER_PORT", "CONSUL_SERF_PORT", "REGISTRATOR_PORT"} {
		c.env = append(c.env, name+"="+port(freeAddr(t)))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.compose(t, nil, "logs", "--no-color", "--tail", "50"))
		}
		c.compose(t, nil, "down", "--timeout", "5")
		removeContainers(t, composeShop)
	})
	c.compose(t, nil, "up", "--detach", "consul", "registrator", "router", "deploy")
	return c
}

// docker-compose.yml brings a whole Teal up and the example to production; its
// own commands deploy the next release and take it back.
func TestComposeFile(t *testing.T) {
	c := composeUp(t)
	serves := func(release string) func() bool {
		return func() bool { return strings.Contains(c.ask(), `"release":"`+release+`"`) }
	}
	require.Eventually(t, serves(first), 2*time.Minute, 100*time.Millisecond, "the example never came up")
	t.Log(c.compose(t, []string{"RELEASE=" + second}, "run", "--rm", "deploy"))
	require.Eventually(t, serves(second), patience, 20*time.Millisecond)
	t.Log(c.compose(t, nil, "run", "--rm", "teal", "rollback", composeShop))
	require.Eventually(t, serves(first), patience, 20*time.Millisecond)
}

// ask is what the example answers, or empty while it does not.
func (c composed) ask() string {
	req, err := http.NewRequest(http.MethodGet, "http://"+c.proxy, nil)
	if err != nil {
		return ""
	}
	req.Host = composeShop + ".localhost"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}
