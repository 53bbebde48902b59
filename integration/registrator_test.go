//go:build integration

package integration

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
	"teal/consul/consultest"
	"teal/docker"
	"teal/integration/testimage"
	"teal/registrator"
)

// recorded is a registrator between a real Docker engine and a real Consul. Its
// owner is its own, since other tests share the engine.
type recorded struct {
	t      *testing.T
	engine *docker.Engine
	agent  *consultest.Agent
	owner  string
}

func startRegistrator(t *testing.T) *recorded {
	r := &recorded{t: t, agent: consultest.Start(t), owner: "teal-" + rand.Text()[:10]}
	var err error
	r.engine, err = docker.New("")
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.engine.Close() })
	store, err := consul.New(consul.Options{Address: r.agent.Addr})
	require.NoError(t, err)
	node, err := r.agent.Client().Agent().NodeName()
	require.NoError(t, err)
	reg, err := registrator.New(registrator.Config{
		Options: registrator.Options{Owner: r.owner, Address: "127.0.0.1", AgentOnLoopback: true, Explicit: true},
		Runtime: r.engine, Registry: store, Signals: r.engine, Drains: store.DrainsOf(node), Interval: 2 * time.Second,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- reg.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return r
}

// run makes and starts a container of service web.
func (r *recorded) run(name string) string {
	r.t.Helper()
	id, err := r.engine.Create(r.t.Context(), catalog.ContainerSpec{
		Name: name, Image: "teal-test/host:v1", Ports: []catalog.Port{{Private: 8080}},
		Labels: map[string]string{
			"SERVICE_NAME": "web", "SERVICE_ENVIRONMENT": "production", "SERVICE_COLOUR": "blue", "SERVICE_RELEASE": "r1",
			"SERVICE_TEAM": "payments", "SERVICE_CHECK_HTTP": "/", "SERVICE_CHECK_INTERVAL": "200ms",
		},
	})
	require.NoError(r.t, err)
	r.t.Cleanup(func() { require.NoError(r.t, r.engine.Remove(context.WithoutCancel(r.t.Context()), id)) })
	require.NoError(r.t, r.engine.Start(r.t.Context(), id))
	return id
}

// entry is what Consul's health says of an instance; nil when it knows none.
func (r *recorded) entry(id string) *api.ServiceEntry {
	entries, _, err := r.agent.Client().Health().Service("web", "", false, nil)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if e.Service.ID == id {
			return e
		}
	}
	return nil
}

func (r *recorded) passes(id string) *api.ServiceEntry {
	r.t.Helper()
	var entry *api.ServiceEntry
	require.Eventually(r.t, func() bool {
		entry = r.entry(id)
		return entry != nil && entry.Checks.AggregatedStatus() == api.HealthPassing
	}, 30*time.Second, 50*time.Millisecond, "%s does not pass", id)
	return entry
}

func (r *recorded) isGone(id string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.entry(id) == nil }, 30*time.Second, 50*time.Millisecond, "%s stays", id)
}

func TestRegistratorBetweenDockerAndConsul(t *testing.T) {
	testimage.Build(t, "teal-test/host:v1", "teal/integration/testimage/app")
	r := startRegistrator(t)
	require.NoError(t, r.agent.Client().Agent().ServiceRegister(&api.AgentServiceRegistration{ID: "foreign", Name: "web", Port: 1}))
	name := r.owner + "-web"
	id := r.owner + ":" + name + ":8080"
	container := r.run(name)

	entry := r.passes(id)
	require.Equal(t, []string{"production", "blue"}, entry.Service.Tags)
	require.Equal(t, "payments", entry.Service.Meta["team"])
	require.Equal(t, "r1", entry.Service.Meta[catalog.MetaRelease])
	require.Equal(t, container[:12], entry.Service.Meta[catalog.MetaContainer])

	unchanged := entry.Service.ModifyIndex
	time.Sleep(3 * time.Second) // more than an interval
	require.Equal(t, unchanged, r.passes(id).Service.ModifyIndex, "an unchanged container is written again")

	require.NoError(t, r.engine.Stop(t.Context(), container, time.Second))
	r.isGone(id)
	require.NoError(t, r.engine.Start(t.Context(), container))
	r.passes(id)
	require.NoError(t, r.engine.Rename(t.Context(), container, name+"-2"))
	r.isGone(id)
	renamed := r.owner + ":" + name + "-2:8080"
	r.passes(renamed)

	r.agent.RestartWiped() // Consul forgets everything
	r.passes(renamed)
	require.NoError(t, r.agent.Client().Agent().ServiceRegister(&api.AgentServiceRegistration{ID: "foreign", Name: "web", Port: 1}))
	require.NoError(t, r.engine.Remove(t.Context(), container))
	r.isGone(renamed)
	require.NotNil(t, r.entry("foreign"), "what others have registered stays")
}
