package deployer_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
	"teal/deployer"
	"teal/deployer/servicefile"
	"teal/dev"
	"teal/dev/process"
	"teal/fleet"
)

// These tests deploy real processes through the real Consul adapter over a
// socket, with the registrator and a router at work.

const serviceFile = `
services:
  web:
    image: ${IMAGE}
    environment: {RELEASE: "${RELEASE}"}
    ports: ["8080"]
x-teal:
  release: ${RELEASE}
  description: What the tests deploy
  routes: [shop.example.com]
  check: {http: /health, interval: 50ms, timeout: 500ms}
  settle: 200ms
  timeout: ${TIMEOUT:-20s}
  drain: 2s
  environments:
    production: {hosts: ["process://laptop"], replicas: 2}
    integration: {hosts: ["process://laptop"], coloured: false}
`

type laptop struct {
	*dev.World
	consul *consul.Store
	file   string
	end    context.CancelFunc
}

func newLaptop(t *testing.T) *laptop {
	t.Helper()
	images := map[string]process.Image{}
	for _, how := range []string{"good", "sick", "crash"} {
		images[how] = process.Image{Command: []string{os.Args[0]}, Env: map[string]string{behaviour: how}}
	}
	world, err := dev.New(dev.Options{
		Domain: "proxy.test", ProxyAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", StoreAddr: "127.0.0.1:0",
		Images: images, Version: "test", Logger: hclog.NewNullLogger(),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- world.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	store, err := consul.New(consul.Options{Address: world.StoreAddr(), Logger: hclog.NewNullLogger()})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "compose.yml")
	require.NoError(t, os.WriteFile(file, []byte(serviceFile), 0o600))
	require.Eventually(t, func() bool {
		routers, err := store.Routers(t.Context())
		return err == nil && len(routers) == 1
	}, 30*time.Second, 10*time.Millisecond, "the router never announced itself")
	return &laptop{World: world, consul: store, file: file, end: cancel}
}

func (l *laptop) deploy(t *testing.T, ctx context.Context, environment, image, release string, more ...string) (catalog.Deployment, error) {
	t.Helper()
	spec, err := servicefile.Load(ctx, l.file, append(more, "IMAGE="+image, "RELEASE="+release))
	require.NoError(t, err)
	return l.Deployer(l.log(t)).Deploy(ctx, deployer.Request{Spec: spec, Environment: environment})
}

// log shows what happened in a test that fails.
func (l *laptop) log(t *testing.T) func(deployer.Event) {
	return func(e deployer.Event) {
		t.Logf("%s %-7s %-10s %s %s", e.At.Format("05.000"), e.Kind, e.State, e.Container, e.Text)
	}
}

// get is what a user gets.
func (l *laptop) get(t *testing.T, host string) string {
	t.Helper()
	body, err := l.ask(t.Context(), host, "/")
	require.NoError(t, err)
	return body
}

func (l *laptop) ask(ctx context.Context, host, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.ProxyAddr()+path, nil)
	if err != nil {
		return "", err
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func (l *laptop) service(t *testing.T) *catalog.Service {
	t.Helper()
	s, err := l.consul.Service(t.Context(), "web")
	require.NoError(t, err)
	return s
}

func TestEndToEnd(t *testing.T) {
	l := newLaptop(t)
	ctx := t.Context()

	d, err := l.deploy(t, ctx, "production", "good", "r1")
	require.NoError(t, err)
	require.Equal(t, catalog.Succeeded, d.State)
	require.Equal(t, "r1", l.get(t, "web.proxy.test"))

	d, err = l.deploy(t, ctx, "production", "good", "r2")
	require.NoError(t, err)
	require.Empty(t, d.Timeline[len(d.Timeline)-1].Note)
	require.Equal(t, "r2", l.get(t, "web.proxy.test"))
	require.Equal(t, "r2", l.get(t, "shop.example.com"), "the declared route")
	require.Equal(t, "r1", l.get(t, "web.blue-production.proxy.test"), "the standby runs on")

	_, err = l.deploy(t, ctx, "production", "sick", "r3", "TIMEOUT=5s")
	f := failure(t, err)
	require.True(t, f.BeforeFlip)
	require.NoError(t, f.Leftover)
	require.Contains(t, err.Error(), "the database is away", "what the check said")
	require.Contains(t, err.Error(), "starting, sick", "what the container wrote")
	require.Equal(t, "r2", l.get(t, "web.proxy.test"))

	_, err = l.deploy(t, ctx, "production", "crash", "r4")
	f = failure(t, err)
	require.Contains(t, f.Reason, "exited with 7")
	require.Contains(t, err.Error(), "panic: no configuration")
	require.NoError(t, f.Leftover)

	require.Eventually(t, func() bool { // the standby was stopped and has come back
		s := l.service(t)
		n := 0
		for _, i := range s.Instances {
			if i.Target == blue && i.Release == "r1" && i.Routable() {
				n++
			}
		}
		return n == 2
	}, 30*time.Second, 20*time.Millisecond)
	done, err := l.Deployer(nil).Rollback(ctx, "web", "production", false)
	require.NoError(t, err)
	require.Less(t, done.Took, 5*time.Second)
	require.Empty(t, done.Notes)
	require.Equal(t, "r1", l.get(t, "web.proxy.test"))

	status, err := l.Deployer(nil).Status(ctx, "web")
	require.NoError(t, err)
	require.Len(t, status.Deployments, 4)
	require.True(t, status.Routers[0].Current)
	require.Equal(t, catalog.Standby, status.Targets[1].Release.State)
}

func TestEndToEndInterrupted(t *testing.T) {
	l := newLaptop(t)
	_, err := l.deploy(t, t.Context(), "production", "good", "r1")
	require.NoError(t, err)

	spec, err := servicefile.Load(t.Context(), l.file, []string{"IMAGE=sick", "RELEASE=r2"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	log := l.log(t)
	d, err := l.Deployer(func(e deployer.Event) {
		log(e)
		if e.State == catalog.Checking && strings.Contains(e.Text, "instances pass") { // they are looked at
			cancel()
		}
	}).Deploy(ctx, deployer.Request{Spec: spec, Environment: "production"})
	require.Equal(t, catalog.Aborted, failure(t, err).Outcome)
	require.Equal(t, catalog.Aborted, d.State)
	s := l.service(t)
	require.NotContains(t, s.Releases, green)
	require.Equal(t, "blue-production", s.Aliases["production"].Value.String())

	_, err = l.deploy(t, t.Context(), "production", "good", "r3")
	require.NoError(t, err, "the lock was let go")
}

func TestEndToEndUncoloured(t *testing.T) {
	l := newLaptop(t)
	for _, release := range []string{"r1", "r2"} {
		_, err := l.deploy(t, t.Context(), "integration", "good", release)
		require.NoError(t, err)
		require.Equal(t, release, l.get(t, "web.integration.proxy.test"))
	}
}

func TestAWorldThatEndsFinishesItsRequests(t *testing.T) {
	l := newLaptop(t)
	_, err := l.deploy(t, t.Context(), "production", "good", "r1")
	require.NoError(t, err)
	got := make(chan string, 1)
	go func() {
		body, err := l.ask(t.Context(), "web.proxy.test", "/slow")
		got <- fmt.Sprint(body, err)
	}()
	router := catalog.RouterRecord{ID: "laptop", Admin: l.PageURL()}
	require.Eventually(t, func() bool {
		view, err := fleet.NewClient(nil).Target(t.Context(), router, "web", blue)
		return err == nil && view.InFlight == 1 && view.Routed == 2
	}, 20*time.Second, 5*time.Millisecond)
	l.end()
	require.Equal(t, "slow r1<nil>", <-got)
}
