//go:build integration

package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul/consultest"
)

// recovery is how soon Consul tells the truth again when everything is back, on a
// machine that does nothing else, as in a long test; a busy one has patience.
const recovery = 5 * time.Second

// requireRecovery logs how long it took until Consul told the truth, and holds a
// long test to recovery.
func requireRecovery(t testing.TB, took time.Duration, what string) {
	t.Helper()
	t.Logf("%s: %s", what, took.Round(time.Millisecond))
	if os.Getenv(longTest) != "" {
		require.Less(t, took, recovery, what)
	}
}

// consistent waits until Consul tells exactly the containers that run, each
// passing that is well, and logs how long that took.
func (m *machine) consistent(t *testing.T, after string) {
	t.Helper()
	began := time.Now()
	difference := "nothing was compared"
	for time.Since(began) < patience {
		if difference = m.difference(); difference == "" {
			requireRecovery(t, time.Since(began), "consistent after "+after)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	require.Fail(t, "Consul does not tell the truth", "%s after %s: %s", patience, after, difference)
}

// difference is what Consul tells otherwise than the engine; empty for nothing.
func (m *machine) difference() string {
	want, err := m.running()
	if err != nil {
		return err.Error()
	}
	entries, _, err := m.consul.Client().Health().Service("patient", "", false, nil)
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, e := range entries {
		c, found := want[e.Service.ID]
		delete(want, e.Service.ID)
		switch passing := e.Checks.AggregatedStatus() == api.HealthPassing; {
		case e.Service.Meta[catalog.MetaContainer] == "":
		case !found:
			lines = append(lines, e.Service.ID+" has no container")
		case c.short != e.Service.Meta[catalog.MetaContainer] || c.port != e.Service.Port:
			lines = append(lines, fmt.Sprintf("%s is %s at %d, not %s at %d", e.Service.ID, e.Service.Meta[catalog.MetaContainer], e.Service.Port, c.short, c.port))
		case passing != m.isWell(c.short):
			lines = append(lines, fmt.Sprintf("%s: passing is %t", e.Service.ID, passing))
		}
	}
	for id := range want {
		lines = append(lines, id+" is missing")
	}
	return strings.Join(lines, "; ")
}

type running struct {
	short string // the container's id
	port  int    // of the host
}

// running is what should be registered, by instance id.
func (m *machine) running() (map[string]running, error) {
	list, err := m.docker.ContainerList(context.Background(), container.ListOptions{})
	if err != nil {
		return nil, err
	}
	all := map[string]running{}
	for _, c := range list {
		for _, p := range c.Ports {
			if p.PublicPort != 0 && c.State == container.StateRunning {
				all["proof:"+strings.TrimPrefix(c.Names[0], "/")+":8080"] = running{c.ID[:12], int(p.PublicPort)}
			}
		}
	}
	return all, nil
}

// churn starts, stops, replaces and renames containers until it is told to end,
// as far as the engine is there to do it.
func (m *machine) churn() (end func()) {
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(100+rand.IntN(200)) * time.Millisecond):
				m.disturb()
			}
		}
	})
	return func() { close(stop); done.Wait() }
}

// disturb does one thing. Names are few, so that new containers get old ones.
func (m *machine) disturb() {
	ctx := context.Background()
	list, err := m.docker.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return // the engine is away
	}
	name := fmt.Sprintf("churn-%d", rand.IntN(6))
	if len(list) < 8 && rand.IntN(2) == 0 {
		o := order{name: name, env: []string{"WARM_UP=300ms"}}
		if rand.IntN(3) == 0 {
			o.restart = container.RestartPolicyAlways
		}
		if id, err := m.create(o); err == nil {
			_ = m.docker.ContainerStart(ctx, id, container.StartOptions{})
		}
		return
	}
	if len(list) == 0 {
		return
	}
	one := list[rand.IntN(len(list))].ID
	switch rand.IntN(4) {
	case 0:
		_ = m.docker.ContainerRemove(ctx, one, container.RemoveOptions{Force: true})
	case 1:
		_ = m.docker.ContainerStop(ctx, one, container.StopOptions{Timeout: new(1)})
	case 2:
		_ = m.docker.ContainerStart(ctx, one, container.StartOptions{})
	case 3:
		_ = m.docker.ContainerRename(ctx, one, name)
	}
}

// populate starts some containers that stay, and one service of somebody else.
func (m *machine) populate(t *testing.T) {
	for i := range 4 {
		o := order{name: fmt.Sprintf("stay-%d", i)}
		if i%2 == 0 {
			o.restart = container.RestartPolicyAlways
		}
		m.run(o)
	}
	m.registerForeign(t)
	m.startRegistrator()
	m.consistent(t, "the first start")
}

func (m *machine) registerForeign(t *testing.T) {
	require.NoError(t, m.consul.Client().Agent().ServiceRegister(&api.AgentServiceRegistration{ID: "foreign", Name: "foreign", Port: 1}))
}

func (m *machine) keepsForeign(t *testing.T) {
	_, _, err := m.consul.Client().Agent().Service("foreign", nil)
	require.NoError(t, err, "what others have registered is gone")
}

func TestTheRegistratorIsKilled(t *testing.T) {
	m := newMachine(t)
	m.watch(t)
	m.populate(t)
	for range 3 {
		end := m.churn()
		time.Sleep(time.Second)
		m.registrator.end(syscall.SIGKILL)
		time.Sleep(2 * time.Second)
		end()
		m.startRegistrator()
		m.consistent(t, "the registrator came back")
	}
	m.keepsForeign(t)
}

func TestTheEngineIsKilled(t *testing.T) {
	for name, live := range map[string]bool{"its containers end": false, "its containers live": true} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.watch(t)
			m.populate(t)
			m.liveRestore = live
			for _, away := range []time.Duration{0, 12 * time.Second} {
				end := m.churn()
				time.Sleep(time.Second)
				end() // nothing changes without an engine
				m.killEngine()
				time.Sleep(away)
				m.startEngine()
				m.awaitEngine()
				m.consistent(t, fmt.Sprintf("the engine came back, which was away for %s", away))
			}
			m.keepsForeign(t)
		})
	}
}

func TestTheConsulAgentIsKilled(t *testing.T) {
	for name, restart := range map[string]func(*consultest.Agent){
		"with its data": (*consultest.Agent).Restart, "wiped": (*consultest.Agent).RestartWiped,
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, consultest.DataDir(t.TempDir()))
			m.watch(t)
			m.populate(t)
			for range 2 {
				end := m.churn()
				time.Sleep(time.Second)
				m.consul.Kill()
				restart(m.consul)
				end()
				m.consistent(t, "the agent came back")
			}
			if name != "wiped" {
				m.keepsForeign(t)
			}
		})
	}
}

// An agent that is back before anybody misses it has forgotten all the same.
func TestTheConsulAgentForgetsWhileNothingHappens(t *testing.T) {
	m := newMachine(t)
	m.watch(t)
	m.populate(t)
	for range 3 {
		m.consul.Restart()
		m.consistent(t, "the agent came back, with nothing to remember")
	}
}

// Everything fails at once and comes back in another order.
func TestTheWholeHostIsKilled(t *testing.T) {
	m := newMachine(t, consultest.DataDir(t.TempDir()))
	m.watch(t)
	m.populate(t)
	end := m.churn()
	time.Sleep(time.Second)
	end()
	m.registrator.end(syscall.SIGKILL)
	m.killEngine()
	m.consul.Kill()
	m.startRegistrator()
	m.consul.Restart()
	m.startEngine()
	m.awaitEngine()
	m.consistent(t, "the whole host came back")
	m.keepsForeign(t)
}
