//go:build integration

package integration

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// status is what Consul says of an instance of a container; empty while it does
// not know it.
func (m *machine) status(instance, id string) string {
	entries, _, err := m.consul.Client().Health().Service("patient", "", false, nil)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if e.Service.ID == instance && e.Service.Meta[catalog.MetaContainer] == id[:12] {
			return e.Checks.AggregatedStatus()
		}
	}
	return ""
}

// becomes waits until Consul says so of an instance, and logs how long that took.
func (m *machine) becomes(instance, id, want, after string) {
	m.t.Helper()
	began := time.Now()
	require.Eventually(m.t, func() bool { return m.status(instance, id) == want }, patience, 5*time.Millisecond,
		"%s is %q, not %q, after %s", instance, m.status(instance, id), want, after)
	requireRecovery(m.t, time.Since(began), fmt.Sprintf("%s is %q after %s", instance, want, after))
}

// stays holds that Consul says nothing else of an instance for a while.
func (m *machine) stays(instance, id, want string, d time.Duration) {
	m.t.Helper()
	for began := time.Now(); time.Since(began) < d; time.Sleep(10 * time.Millisecond) {
		require.Equal(m.t, want, m.status(instance, id), instance)
	}
}

// A new container under an old name, and so under an old instance id, is not
// passing before its own check has passed, though Consul hands the status of a
// check on to the one that is registered in its place.
func TestANewContainerInheritsNothing(t *testing.T) {
	m := newMachine(t)
	m.watch(t)
	m.startRegistrator()
	const instance = "proof:heir:8080"
	o := order{name: "heir", interval: 2 * time.Second}
	first := m.run(o)
	m.becomes(instance, first, api.HealthPassing, "the start")

	o.env = []string{"WARM_UP=1h"}
	for range 3 {
		require.NoError(t, m.docker.ContainerRemove(t.Context(), first, container.RemoveOptions{Force: true}))
		first = m.run(o)
		m.becomes(instance, first, api.HealthCritical, "its replacement")
		m.stays(instance, first, api.HealthCritical, o.interval+500*time.Millisecond)
	}
}

// The same container, started again, is checked again as well.
func TestARestartedContainerInheritsNothing(t *testing.T) {
	m := newMachine(t)
	m.startRegistrator()
	const instance = "proof:again:8080"
	id := m.run(order{name: "again", interval: 2 * time.Second})
	m.becomes(instance, id, api.HealthPassing, "the start")
	m.exec(id, "ill") // outlasts the restart
	for range 3 {
		require.NoError(t, m.docker.ContainerRestart(t.Context(), id, container.StopOptions{Timeout: new(1)}))
		m.becomes(instance, id, api.HealthCritical, "the restart")
		m.stays(instance, id, api.HealthCritical, 2500*time.Millisecond)
	}
}

func TestDockersHealthcheckIsShown(t *testing.T) {
	m := newMachine(t)
	m.watch(t)
	m.startRegistrator()
	const instance = "proof:checked:8080"
	id := m.run(order{
		name: "checked", interval: -1, labels: map[string]string{"SERVICE_CHECK_DOCKER_HEALTH": "true"}, env: []string{"ILL=yes"},
		health: &container.HealthConfig{Test: []string{"CMD", "/app", "check"}, Interval: 200 * time.Millisecond, StartPeriod: time.Minute, Retries: 1},
	})
	m.becomes(instance, id, api.HealthCritical, "the start, while its health is starting")
	m.stays(instance, id, api.HealthCritical, 300*time.Millisecond)
	m.exec(id, "well")
	m.becomes(instance, id, api.HealthPassing, "it got well for the first time")
	m.exec(id, "ill")
	m.becomes(instance, id, api.HealthCritical, "it fell ill")
	m.exec(id, "well")
	m.becomes(instance, id, api.HealthPassing, "it got well")

	m.registrator.end(syscall.SIGKILL)
	m.stays(instance, id, api.HealthPassing, 2*time.Second)
	m.startRegistrator()
	m.stays(instance, id, api.HealthPassing, 2*time.Second)
}

func TestAPausedContainerDoesNotPass(t *testing.T) {
	m := newMachine(t)
	m.watch(t)
	m.startRegistrator()
	for name, o := range map[string]order{"paused-checked": {}, "paused-unchecked": {interval: -1}} {
		o.name = name
		instance := "proof:" + name + ":8080"
		id := m.run(o)
		m.becomes(instance, id, api.HealthPassing, "the start")
		require.NoError(t, m.docker.ContainerPause(t.Context(), id))
		m.becomes(instance, id, api.HealthCritical, "the pause")
		m.stays(instance, id, api.HealthCritical, time.Second)
		require.NoError(t, m.docker.ContainerUnpause(t.Context(), id))
		m.becomes(instance, id, api.HealthPassing, "the pause is over")
	}
}

// `docker stop` takes an instance out of service while its container still
// serves, and out of Consul when it has ended.
func TestAStoppedContainerDrains(t *testing.T) {
	m := newMachine(t)
	m.watch(t)
	m.startRegistrator()
	const instance = "proof:stopped:8080"
	id := m.run(order{name: "stopped", env: []string{"LINGER=10s"}})
	m.becomes(instance, id, api.HealthPassing, "the start")

	stopped := make(chan error, 1)
	go func() {
		stopped <- m.docker.ContainerStop(context.Background(), id, container.StopOptions{Timeout: new(60)})
	}()
	m.becomes(instance, id, api.HealthMaint, "docker stop")
	require.Eventually(t, func() bool { return m.isWell(id[:12]) }, patience, 5*time.Millisecond, "the container serves on while it drains")
	require.Empty(t, stopped)
	for status := api.HealthMaint; status != ""; status = m.status(instance, id) {
		require.Equal(t, api.HealthMaint, status, "it stays in maintenance until it is gone")
	}
	require.NoError(t, <-stopped)
	require.NoError(t, m.docker.ContainerStart(t.Context(), id, container.StartOptions{}))
	m.becomes(instance, id, api.HealthPassing, "the next start")
}
