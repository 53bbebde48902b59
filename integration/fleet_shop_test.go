//go:build integration

package integration

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/dev/load"
)

// replicas is how many instances of the example each host runs.
const replicas = 2

// fleetShop is the example as one service of a fleet, with a service file, a wire
// to Consul and traffic of its own: several may be deployed side by side.
type fleetShop struct {
	t    *testing.T
	w    *fleetWorld
	name string
	file string
	// plain is a service file that asks for nothing that can be left out.
	plain    string
	replicas int // on each host
	wire     *forwarder
	load     *fleetLoad // nil until startLoad
	// engines are the wires to the hosts' engines, of a shop that has some of its
	// own.
	engines []*forwarder
}

// shopFileOptions are what a service file says beyond what all of them do. The
// lines come with the indentation that they have below what they belong to.
type shopFileOptions struct {
	hosts        []string // endpoints; the fleet's unless set
	replicas     int      // on each host; the constant unless set
	teal         []string // below x-teal
	production   []string // below environments.production
	environments []string // below environments, beside production
	parts        []string // below services, beside api and db
}

// newShop makes a service of that name. Nothing of it runs yet, nor any more when
// the test has ended.
func (w *fleetWorld) newShop(t *testing.T, name string, o shopFileOptions) *fleetShop {
	t.Helper()
	o.replicas = cmp.Or(o.replicas, replicas)
	s := &fleetShop{
		t: t, w: w, name: name, replicas: o.replicas, wire: newForwarder(t, w.consul.Addr),
		file: w.shopFile(t, name, o), plain: w.shopFile(t, name, shopFileOptions{hosts: o.hosts, replicas: o.replicas}),
	}
	t.Cleanup(s.remove)
	return s
}

// newWiredShop is newShop with a wire of its own to each engine, so that one can
// be gone for its deployer while requests still reach the containers there.
func (w *fleetWorld) newWiredShop(t *testing.T, name string, o shopFileOptions) *fleetShop {
	t.Helper()
	var wires []*forwarder
	for _, h := range w.hosts {
		wire := newForwarder(t, strings.TrimPrefix(h.tcp(), "tcp://"))
		wires = append(wires, wire)
		o.hosts = append(o.hosts, "tcp://"+wire.addr)
	}
	s := w.newShop(t, name, o)
	s.engines = wires
	return s
}

// whole is how many instances a whole release of the shop has.
func (s *fleetShop) whole() int { return fleetSize * s.replicas }

// shopFile writes a service file of the example. RELEASE is what it deploys, from
// REGISTRY.
func (w *fleetWorld) shopFile(t *testing.T, name string, o shopFileOptions) string {
	t.Helper()
	if o.hosts == nil {
		for _, h := range w.hosts {
			o.hosts = append(o.hosts, h.tcp())
		}
	}
	hosts, err := json.Marshal(o.hosts)
	require.NoError(t, err)
	return writeFile(t, "compose.yaml", fmt.Sprintf(`name: %s
services:
  api:
    image: %s/shop-api:${RELEASE}
    environment: {RELEASE: "${RELEASE}"}
    ports: ["8080"]
    depends_on: [db]
    restart: unless-stopped # hosts lose their power
  db:
    image: %s/shop-db:1.0.0
    restart: unless-stopped
%sx-teal:
  part: api
  release: ${RELEASE}
  check: {http: /health, interval: 500ms, timeout: 1s}
  settle: 1s
  timeout: 30s
  drain: 10s
%s  environments:
    production:
      hosts: %s
      replicas: %d
%s%s`, name, w.registry, w.registry, indented(2, o.parts), indented(2, o.teal), hosts, cmp.Or(o.replicas, replicas),
		indented(6, o.production), indented(4, o.environments)))
}

func indented(by int, lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.Repeat(" ", by) + l + "\n")
	}
	return b.String()
}

// remove ends the shop's containers, so that those of one test are no burden to
// the next, and its networks, of which an engine has room for thirty. The records
// stay: the fleet does not.
func (s *fleetShop) remove() {
	var hosts sync.WaitGroup
	for _, h := range s.w.hosts {
		hosts.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			list, _ := h.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: s.byService()})
			for _, c := range list {
				_ = h.docker.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true})
			}
			nets, _ := h.docker.NetworkList(ctx, network.ListOptions{Filters: s.byService()})
			for _, n := range nets {
				_ = h.docker.NetworkRemove(ctx, n.ID)
			}
		})
	}
	hosts.Wait()
}

// run runs a teal command on the shop's own wire to Consul.
func (s *fleetShop) run(env []string, args ...string) result {
	s.t.Helper()
	return runTeal(s.t, s.env(env...), args...)
}

// env is the environment of the shop's teal commands.
func (s *fleetShop) env(more ...string) []string {
	return s.w.env(s.wire, append(more, "REGISTRY="+s.w.registry)...)
}

// deployFile runs `teal deploy` of a release once, with that service file.
func (s *fleetShop) deployFile(file, release string, args ...string) result {
	s.t.Helper()
	return s.run([]string{"RELEASE=" + release}, append([]string{"deploy", "--file", file}, args...)...)
}

// mustDeploy is a deployment that has to succeed.
func (s *fleetShop) mustDeploy(release string) {
	s.t.Helper()
	s.mustDeployFile(s.file, release)
}

func (s *fleetShop) mustDeployFile(file, release string) {
	s.t.Helper()
	r := s.deployFile(file, release)
	require.Zero(s.t, r.code, r.out)
}

// command is a teal command under way.
type command struct {
	*exec.Cmd
	said bytes.Buffer
	done chan struct{} // closed when it has ended
}

// begin starts `teal deploy` of a release and does not wait for it. It ends with
// the test's process.
func (s *fleetShop) begin(release string, args ...string) *command {
	s.t.Helper()
	c := &command{Cmd: exec.Command(teal(s.t), append([]string{"deploy", "--file", s.file}, args...)...), done: make(chan struct{})}
	c.Env = s.env("RELEASE=" + release)
	c.Stdout, c.Stderr = &c.said, &c.said
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the death signal comes when the thread that forked ends
		defer runtime.UnlockOSThread()
		defer close(c.done)
		err := c.Start()
		started <- err
		if err == nil {
			_ = c.Wait()
		}
	}()
	require.NoError(s.t, <-started)
	s.t.Cleanup(func() { c.kill() })
	return c
}

// kill is kill -9, and waits for the end.
func (c *command) kill() {
	_ = c.Process.Kill() // it may have ended
	<-c.done
}

// wait is how the command ended, which it must do within a time.
func (c *command) wait(t *testing.T, most time.Duration) result {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(most):
		c.kill()
		require.Fail(t, "the deployer does not end", "after %s; it said:\n%s", most, c.said.String())
	}
	return result{c.ProcessState.ExitCode(), c.said.String()}
}

// alias is what production points at, read from Consul.
func (s *fleetShop) alias() string {
	s.t.Helper()
	return s.aliasNamed(production)
}

// aliasNamed is what an alias points at; empty where there is none.
func (s *fleetShop) aliasNamed(name string) string {
	s.t.Helper()
	pair, _, err := s.w.consul.Client().KV().Get(catalog.NewKeys("").Alias(s.name, name), nil)
	require.NoError(s.t, err)
	if pair == nil {
		return ""
	}
	return string(pair.Value)
}

// liveRelease is the release of the target that production points at; empty if
// there is none.
func (s *fleetShop) liveRelease() string {
	s.t.Helper()
	pair, _, err := s.w.consul.Client().KV().Get(catalog.NewKeys("").ReleasesOf(s.name)+s.alias(), nil)
	require.NoError(s.t, err)
	if pair == nil {
		return ""
	}
	release, err := catalog.ParseRelease(pair.Value)
	require.NoError(s.t, err)
	return release.ID
}

// passing counts the instances of a release that pass their checks.
func (s *fleetShop) passing(release string) int {
	s.t.Helper()
	entries, _, err := s.w.consul.Client().Health().Service(s.name, production, true, &api.QueryOptions{
		Filter: fmt.Sprintf("Service.Meta.release == %q", release),
	})
	require.NoError(s.t, err)
	return len(entries)
}

// history is what `teal history --json` tells, the newest first.
func (s *fleetShop) history() []deployer.PastDeployment {
	s.t.Helper()
	r := askTeal(s.t, s.env(), "history", s.name, production, "-n", "100", "--json")
	require.Zero(s.t, r.code, r.out)
	var past []deployer.PastDeployment
	require.NoError(s.t, json.Unmarshal([]byte(r.out), &past))
	return past
}

// logSteps logs how long each state of the newest deployment took.
func (s *fleetShop) logSteps() {
	s.t.Helper()
	newest := s.history()[0]
	var words []string
	for _, step := range newest.Steps {
		words = append(words, fmt.Sprintf("%s %s", step.State, step.Took.Round(time.Millisecond)))
	}
	s.t.Logf("release %s: %s in all: %s", newest.Release, newest.Took.Round(time.Millisecond), strings.Join(words, ", "))
}

// timeToRouters runs a command that moves traffic and answers how long after its
// start the release answered at every router.
func (s *fleetShop) timeToRouters(release string, move func()) time.Duration {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	began, seen := time.Now(), make(chan time.Duration)
	for _, r := range s.w.routers {
		go func() {
			for ctx.Err() == nil && s.answerOf(ctx, r) != release {
				time.Sleep(time.Millisecond)
			}
			seen <- time.Since(began)
		}()
	}
	move()
	last := time.Duration(0)
	for range s.w.routers {
		last = max(last, <-seen)
	}
	require.NoError(s.t, ctx.Err(), "release %s does not answer everywhere", release)
	return last
}

// answerOf is the release that answers at a router; empty if none does.
func (s *fleetShop) answerOf(ctx context.Context, r *world) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.proxy+"/", nil)
	if err != nil {
		return ""
	}
	req.Host = s.name + ".localhost"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var answer struct{ Release string }
	_ = json.NewDecoder(resp.Body).Decode(&answer) // of a failure there is none
	return answer.Release
}

// fleetLoad is traffic through all routers.
type fleetLoad struct {
	t         *testing.T
	s         *fleetShop
	perSecond int
	loads     []*load.Load // at each router, those under way last
	releases  []string     // that may answer; nil for any
	stop      func()       // ends the traffic under way, requests included
	forgiven  int          // failures
}

// startLoad puts traffic on the shop's stable URI at every router until the test
// ends, so many requests a second at each. Until expect is called, any release
// may answer.
func (s *fleetShop) startLoad(perSecond int) *fleetLoad {
	s.t.Helper()
	l := &fleetLoad{t: s.t, s: s, perSecond: perSecond}
	l.begin()
	s.t.Cleanup(func() { l.stop() })
	s.load = l
	return l
}

func (l *fleetLoad) begin() {
	ctx, cancel := context.WithCancel(l.t.Context())
	var all sync.WaitGroup
	for _, r := range l.s.w.routers {
		one := load.New(load.Options{URL: "http://" + l.s.name + ".localhost/", Addr: r.proxy, Workers: 4, PerSecond: l.perSecond})
		if l.releases != nil {
			one.Expect(l.releases...)
		}
		l.loads = append(l.loads, one)
		all.Go(func() { one.Run(ctx) })
	}
	l.stop = func() { cancel(); all.Wait() }
}

// running is the traffic under way.
func (l *fleetLoad) running() []*load.Load { return l.loads[len(l.loads)-len(l.s.w.routers):] }

// expect says which releases may answer from now on.
func (l *fleetLoad) expect(releases ...string) {
	l.releases = releases
	for _, one := range l.running() {
		one.Expect(releases...)
	}
}

// settled waits for n more requests at each router and holds that none of all
// failed but those forgiven.
func (l *fleetLoad) settled(n int) {
	l.t.Helper()
	for _, one := range l.running() {
		before := one.Tally().Requests
		require.Eventually(l.t, func() bool { return one.Tally().Requests >= before+n }, patience, 5*time.Millisecond, "no requests come through")
	}
	count, example := l.failed()
	require.Equal(l.t, l.forgiven, count, "requests failed; the first: %s", example)
}

// forgive says that the requests that failed so far, or are under way and will,
// had to: their host was lost with them. The traffic begins anew.
func (l *fleetLoad) forgive() {
	l.t.Helper()
	l.stop()
	count, example := l.failed()
	l.t.Logf("%d requests failed with their host, the first: %s", count, example)
	l.forgiven = count
	l.begin()
}

// end stops the traffic, logs what came of it and holds that no request failed
// but those forgiven.
func (l *fleetLoad) end() {
	l.t.Helper()
	l.stop()
	for n, one := range l.loads {
		l.t.Logf("router %d: %s", n%len(l.s.w.routers)+1, one.Tally())
	}
	count, example := l.failed()
	require.Equal(l.t, l.forgiven, count, "requests failed; the first: %s", example)
}

// failed counts the requests that failed so far, and answers the first failure.
func (l *fleetLoad) failed() (count int, first string) {
	for _, one := range l.loads {
		tally := one.Tally()
		count += tally.Failed
		if first == "" {
			first = tally.First
		}
	}
	return count, first
}
