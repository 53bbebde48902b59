//go:build integration

package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul/consultest"
	"teal/dev/load"
	"teal/integration/testimage"
)

// patience is how long something that must happen may take.
const patience = 30 * time.Second

// The example that the tests deploy, under a name of their own so that nobody's
// own is ended, and two releases of it.
const (
	shop       = "teal-test-shop"
	production = "production"
	first      = "1.0.0"
	second     = "2.0.0"
)

// world is Teal as its users have it: a real Consul, the local Docker engine,
// and a registrator and a router in processes of their own.
type world struct {
	consul *consultest.Agent
	proxy  string // host:port
	admin  string // host:port
}

func newWorld(t *testing.T) *world {
	t.Helper()
	buildShop(t)
	w := &world{consul: consultest.Start(t), proxy: freeAddr(t), admin: freeAddr(t)}
	w.start(t, "", "router", "--listen", w.proxy, "--admin", w.admin, "--domain", "localhost", "--id", "r1")
	w.start(t, "", "registrator", "--listen", "127.0.0.1:0")
	w.awaitRouter(t)
	return w
}

// buildShop makes the example's images and sees that nothing of it runs, now and
// when the test has ended.
func buildShop(t *testing.T) {
	t.Helper()
	testimage.Build(t, "teal-example/shop-api:"+first, "teal/examples/shop/api")
	testimage.Build(t, "teal-example/shop-api:"+second, "teal/examples/shop/api")
	testimage.Build(t, "teal-example/shop-db:1.0.0", "teal/examples/shop/db")
	removeContainers(t, shop)
	t.Cleanup(func() { removeContainers(t, shop) })
}

func (w *world) awaitRouter(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + w.admin + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, patience, 20*time.Millisecond, "the router is not ready")
}

// freeAddr is an address that was free a moment ago. Its port is none that the
// kernel gives to who asks for any, so that nobody is likely to take it meanwhile.
func freeAddr(t *testing.T) string {
	t.Helper()
	for {
		addr := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		if l, err := net.Listen("tcp", addr); err == nil {
			require.NoError(t, l.Close())
			return addr
		}
	}
}

// env is the environment of a teal command in this world.
func (w *world) env(more ...string) []string {
	return append(append(os.Environ(), "CONSUL_HTTP_ADDR="+w.consul.Addr, "TEAL_SHUTDOWN_DELAY=0s"), more...)
}

// start runs a teal daemon until the test ends. variable is one more of its
// environment, NAME=value, or empty.
func (w *world) start(t *testing.T, variable string, args ...string) *daemon {
	t.Helper()
	cmd := exec.Command(teal(t), args...)
	cmd.Env = w.env()
	if variable != "" {
		cmd.Env = append(cmd.Env, variable)
	}
	return startDaemon(t, cmd)
}

// teal is the path of the program under test.
func teal(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("../bin/teal")
	require.NoError(t, err)
	require.FileExists(t, path, "run make build first")
	return path
}

// result is how a command ended.
type result struct {
	code int
	out  string // both outputs, as a person would see them
}

// run runs a teal command to its end.
func (w *world) run(t *testing.T, env []string, args ...string) result {
	t.Helper()
	return runTeal(t, w.env(env...), args...)
}

// runTeal runs a teal command to its end in an environment that is given whole.
func runTeal(t *testing.T, env []string, args ...string) result {
	t.Helper()
	r := askTeal(t, env, args...)
	t.Logf("teal %s\n%s", strings.Join(args, " "), r.out)
	return r
}

// askTeal is runTeal for a command whose output is not worth showing.
func askTeal(t *testing.T, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, teal(t), args...)
	cmd.Env = env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if exit, ok := err.(*exec.ExitError); ok {
		return result{exit.ExitCode(), out.String()}
	}
	require.NoError(t, err)
	return result{0, out.String()}
}

// deploy deploys a release of the example, which must succeed.
func (w *world) deploy(t *testing.T, release string) {
	t.Helper()
	r := w.run(t, []string{"RELEASE=" + release}, "deploy", "--file", shopFile(t))
	require.Zero(t, r.code, r.out)
}

// shopFile is the example's service file under the tests' name.
func shopFile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../examples/shop/compose.yaml")
	require.NoError(t, err)
	require.Contains(t, string(text), "\nname: shop\n")
	return writeFile(t, "compose.yaml", strings.Replace(string(text), "\nname: shop\n", "\nname: "+shop+"\n", 1))
}

// flip points the example's production at a target, which must succeed.
func (w *world) flip(t *testing.T, target string) {
	t.Helper()
	r := w.run(t, nil, "flip", shop, production, target)
	require.Zero(t, r.code, r.out)
}

// alias is what the example's production points at, read from Consul.
func (w *world) alias(t *testing.T) string {
	t.Helper()
	pair, _, err := w.consul.Client().KV().Get(catalog.NewKeys("").Alias(shop, production), nil)
	require.NoError(t, err)
	if pair == nil {
		return ""
	}
	return string(pair.Value)
}

// load puts traffic on the example's stable URI until stop is called, and
// answers what came of it.
func (w *world) load(t *testing.T) (l *load.Load, stop func() load.Tally) {
	t.Helper()
	l = load.New(load.Options{URL: "http://" + shop + ".localhost/", Addr: w.proxy, Workers: 16, PerSecond: 400})
	ctx, cancel := context.WithCancel(t.Context())
	began, done := time.Now(), make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	stop = func() load.Tally {
		cancel()
		<-done
		tally := l.Tally()
		t.Logf("%s in %s: %.0f a second", tally, time.Since(began).Round(time.Millisecond), float64(tally.Requests)/time.Since(began).Seconds())
		return tally
	}
	t.Cleanup(func() { stop() })
	return l, stop
}

// containersOf lists the names of a service's containers, running or not.
func containersOf(t *testing.T, service string) []string {
	t.Helper()
	api := dockerClient(t)
	list, err := api.ContainerList(context.WithoutCancel(t.Context()), container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", catalog.LabelService+"="+service)),
	})
	require.NoError(t, err)
	var names []string
	for _, c := range list {
		names = append(names, strings.TrimPrefix(c.Names[0], "/"))
	}
	return names
}

func removeContainers(t *testing.T, service string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	api := dockerClient(t)
	for _, name := range containersOf(t, service) {
		require.NoError(t, api.ContainerRemove(ctx, name, container.RemoveOptions{Force: true}))
	}
	nets, err := api.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("label", catalog.LabelService+"="+service))})
	require.NoError(t, err)
	for _, n := range nets {
		require.NoError(t, api.NetworkRemove(ctx, n.ID))
	}
}

func dockerClient(t *testing.T) *client.Client {
	t.Helper()
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	require.NoError(t, err)
	t.Cleanup(func() { _ = api.Close() })
	return api
}

// get asks the router for a path and answers the status and the body.
func (w *world) get(t *testing.T, host, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.proxy+path, nil)
	require.NoError(t, err)
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// put writes a key the way an operator without Teal would.
func (w *world) put(t *testing.T, key, value string) {
	t.Helper()
	require.Equal(t, http.StatusOK, putURL(t, fmt.Sprintf("http://%s/v1/kv/%s", w.consul.Addr, key), value))
}

// putAdmin sends the router's admin API a PUT and answers its status.
func (w *world) putAdmin(t *testing.T, path, value string) int {
	t.Helper()
	return putURL(t, "http://"+w.admin+path, value)
}

func putURL(t *testing.T, url, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	return resp.StatusCode
}
