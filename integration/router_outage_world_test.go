//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul/consultest"
)

// answerTime is how long an instance takes to answer: so long that some die with
// requests under way.
const answerTime = 30 * time.Millisecond

// staffed is a service and how many instances of which colour it has.
type staffed struct {
	name      string
	instances int
	colour    catalog.Colour
}

func (s staffed) target() catalog.Target {
	return catalog.Target{Colour: s.colour, Environment: production}
}

// outage is a world whose Consul can go away: services whose instances are in
// this process, checked by a real agent, and two routers behind a balancer.
type outage struct {
	consul   *consultest.Agent
	balancer *balancer
	clients  *clients
	services []staffed
	staff    map[string][]*instance // by service

	admins []string // of the routers, host:port
	state  []string // files

	mu    sync.Mutex
	began time.Time
	notes []string // what happened, in order
}

func newOutage(t *testing.T, services []staffed) *outage {
	t.Helper()
	o := &outage{
		consul: consultest.Start(t, consultest.DataDir(t.TempDir())), services: services, staff: map[string][]*instance{},
		balancer: newBalancer(freeAddr(t), freeAddr(t)), began: time.Now(),
	}
	o.clients = &clients{balancer: o.balancer}
	dir := t.TempDir()
	for n := range o.balancer.routers {
		o.admins = append(o.admins, freeAddr(t))
		o.state = append(o.state, filepath.Join(dir, fmt.Sprintf("router-%d.json", n)))
	}
	for n, s := range services {
		o.clients.services = append(o.clients.services, s.name)
		o.employ(t, s, fmt.Sprintf("127.0.77.%d", n+1)) // nobody else listens there once one has died
	}
	o.awaitPassing(t)
	return o
}

// employ starts the instances of a service and registers them at the agent.
func (o *outage) employ(t *testing.T, s staffed, host string) {
	t.Helper()
	consul := o.consul.Client()
	tags := []string{production}
	if s.colour != "" {
		tags = append(tags, string(s.colour))
		_, err := consul.KV().Put(&api.KVPair{Key: catalog.NewKeys("").Alias(s.name, production), Value: []byte(s.target().String())}, nil)
		require.NoError(t, err)
	}
	for n := range s.instances {
		i := startInstance(t, host, fmt.Sprintf("%s-%d", s.name, n), func() { time.Sleep(answerTime) })
		o.staff[s.name] = append(o.staff[s.name], i)
		require.NoError(t, consul.Agent().ServiceRegister(&api.AgentServiceRegistration{
			ID: i.name, Name: s.name, Tags: tags, Address: i.host, Port: i.port,
			Check: &api.AgentServiceCheck{HTTP: fmt.Sprintf("http://%s:%d/", i.host, i.port), Interval: "1s", Timeout: "1s"},
		}))
	}
}

// startRouter starts the n-th router, or another process in its place: where one
// runs, it is taken over from.
func (o *outage) startRouter(t *testing.T, n int) *daemon {
	t.Helper()
	w := &world{consul: o.consul, proxy: o.balancer.routers[n].addr, admin: o.admins[n]}
	d := w.start(t, "", "router", "--listen", w.proxy, "--admin", w.admin, "--domain", "localhost",
		"--advertise", "127.0.0.1", "--id", fmt.Sprintf("router-%d", n),
		"--state-file", o.state[n], "--state-wait", "1s", "--handover", o.state[n]+".sock")
	w.awaitRouter(t)
	return d
}

// awaitSaved waits until both routers have what they know on disk.
func (o *outage) awaitSaved(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		return !slices.ContainsFunc(o.state, func(path string) bool { _, err := os.Stat(path); return err != nil })
	}, patience, 50*time.Millisecond)
}

func (o *outage) awaitEnd(t *testing.T, d *daemon) {
	t.Helper()
	select {
	case err := <-d.done:
		d.done <- err
		require.NoError(t, err)
	case <-time.After(patience):
		require.Fail(t, "the router that was taken over from has not ended")
	}
}

// victims are all instances but one of each service, those of the largest first,
// so that a router that starts meanwhile meets many dead ones.
func (o *outage) victims() []*instance {
	var list []*instance
	for _, s := range o.services {
		list = append(list, o.staff[s.name][1:]...)
	}
	return list
}

func (o *outage) note(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notes = append(o.notes, fmt.Sprintf("%6.2f s %s", time.Since(o.began).Seconds(), text))
}

// living are the names of the instances of a service that live.
func (o *outage) living(service string) []string {
	var names []string
	for _, i := range o.staff[service] {
		if i.lives() {
			names = append(names, i.name)
		}
	}
	return names
}

// passing are the instances of a service that Consul calls passing.
func (o *outage) passing(service string) []string {
	entries, _, err := o.consul.Client().Health().Service(service, "", true, nil)
	if err != nil {
		return nil
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Service.ID)
	}
	slices.Sort(ids)
	return ids
}

func (o *outage) awaitPassing(t *testing.T) {
	t.Helper()
	for _, s := range o.services {
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			assert.Equal(c, o.living(s.name), o.passing(s.name))
		}, patience, 50*time.Millisecond)
	}
}

// awaitConsistent waits until Consul and both routers say what is true.
func (o *outage) awaitConsistent(t *testing.T) {
	t.Helper()
	o.awaitPassing(t)
	for n := range o.admins {
		for _, s := range o.services {
			require.EventuallyWithT(t, func(c *assert.CollectT) {
				assert.Equal(c, o.living(s.name), o.routed(t, n, s), "router %d", n)
			}, patience, 50*time.Millisecond)
		}
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			ready := o.readiness(t, n)
			assert.False(c, ready.Restored, "router %d", n)
			assert.Zero(c, ready.Stale, "router %d", n)
		}, patience, 50*time.Millisecond)
	}
}

// routed are the instances of a service that a router sends requests to.
func (o *outage) routed(t *testing.T, n int, s staffed) []string {
	var status struct {
		Instances []struct {
			ID     string `json:"id"`
			Routed bool   `json:"routed"`
		} `json:"instances"`
	}
	o.get(t, n, fmt.Sprintf("/v1/services/%s/targets/%s", s.name, s.target()), &status)
	var ids []string
	for _, i := range status.Instances {
		if i.Routed {
			ids = append(ids, i.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// readiness is what a router says of its view.
type readiness struct {
	Stale    float64 `json:"stale_seconds"`
	Restored bool    `json:"restored"`
}

func (o *outage) readiness(t *testing.T, n int) (r readiness) {
	t.Helper()
	o.get(t, n, "/readyz", &r)
	return r
}

func (o *outage) get(t *testing.T, n int, path string, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(o.read(t, n, path)), into))
}

func (o *outage) read(t *testing.T, n int, path string) string {
	t.Helper()
	resp, err := http.Get("http://" + o.admins[n] + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

// retries is how often a router has tried another instance.
func (o *outage) retries(t *testing.T, n int) int {
	t.Helper()
	sum := 0.0
	for _, m := range regexp.MustCompile(`(?m)^teal_retries_total\S* (\S+)$`).FindAllStringSubmatch(o.read(t, n, "/metrics"), -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		sum += v
	}
	t.Logf("router %d tried another instance %.0f times", n, sum)
	return int(sum)
}

// requireNoFailure fails the test with each request that failed and what had
// happened by then.
func (o *outage) requireNoFailure(t *testing.T) {
	t.Helper()
	t.Logf("what happened:\n%s", strings.Join(o.notes, "\n"))
	for n, f := range o.clients.failures {
		if n == 20 {
			t.Logf("and %d more", len(o.clients.failures)-n)
			break
		}
		t.Logf("%6.2f s (for %s) %s of %s by %s, connection kept: %t: %s", f.at.Sub(o.began).Seconds(),
			f.took.Round(time.Microsecond), f.method, f.service, f.router, f.kept, f.what)
	}
	require.Empty(t, len(o.clients.failures), "requests failed although an instance lived")
}
