//go:build integration

package integration

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
	"teal/deployer/hosttest/program"
	"teal/integration/testimage"
)

// TestRegistratorDrains shows both ways to drain on a real engine: by request,
// and by the signal that ends a container which takes its time.
func TestRegistratorDrains(t *testing.T) {
	testimage.Build(t, "teal-test/host:v1", "teal/integration/testimage/app")
	r := startRegistrator(t)
	store, err := consul.New(consul.Options{Address: r.agent.Addr})
	require.NoError(t, err)
	node, err := r.agent.Client().Agent().NodeName()
	require.NoError(t, err)

	name := r.owner + "-drained"
	id := r.owner + ":" + name + ":8080"
	container := r.stubborn(name)
	r.passes(id)
	instance := catalog.Instance{ID: id, Node: node, Container: container[:12], Owner: r.owner}
	require.NoError(t, store.RequestDrain(t.Context(), instance, catalog.DrainRequest{By: "ops@here", Reason: "r2 takes over", At: time.Now()}))
	r.inMaintenance(id, "teal: draining ")
	require.NoError(t, store.CancelDrain(t.Context(), instance))
	r.passes(id)

	stopped := make(chan error, 1)
	go func() { stopped <- r.engine.Stop(t.Context(), container, 5*time.Second) }()
	r.inMaintenance(id, "teal: ending ")
	require.NoError(t, <-stopped)
	r.isGone(id)
	require.NoError(t, r.engine.Start(t.Context(), container))
	r.passes(id)
}

// stubborn starts a container of service web that does not care for SIGTERM.
func (r *recorded) stubborn(name string) string {
	r.t.Helper()
	id, err := r.engine.Create(r.t.Context(), catalog.ContainerSpec{
		Name: name, Image: "teal-test/host:v1", Ports: []catalog.Port{{Private: 8080}},
		Env: map[string]string{program.EnvIgnore: "1"}, Labels: map[string]string{"SERVICE_NAME": "web", "SERVICE_CHECK_TCP": "true", "SERVICE_CHECK_INTERVAL": "1s"},
	})
	require.NoError(r.t, err)
	r.t.Cleanup(func() { require.NoError(r.t, r.engine.Remove(context.WithoutCancel(r.t.Context()), id)) })
	require.NoError(r.t, r.engine.Start(r.t.Context(), id))
	return id
}

func (r *recorded) inMaintenance(id, reason string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		entry := r.entry(id)
		if entry == nil {
			return false
		}
		for _, c := range entry.Checks {
			if catalog.IsMaintenanceCheck(c.CheckID) && strings.HasPrefix(c.Notes, reason) {
				return true
			}
		}
		return false
	}, 30*time.Second, 20*time.Millisecond, "%s is not put into maintenance", id)
}
