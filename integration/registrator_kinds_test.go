//go:build integration

package integration

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
	"teal/consul/consultest"
	"teal/integration/testimage"
)

// Consul's agent understands each kind of check that Teal registers, and runs
// it. What TLS and gRPC find out is not looked at here: that is the agent's.
func TestARealAgentRunsEveryKindOfCheck(t *testing.T) {
	const image = "teal-example/shop-db:1.0.0"
	testimage.Build(t, image, "teal/examples/shop/db")
	agent := consultest.Start(t, consultest.HCL("enable_local_script_checks = true enable_script_checks = true"))
	store, err := consul.New(consul.Options{Address: agent.Addr})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })

	often := func(c catalog.Check) catalog.Check {
		c.Interval, c.Timeout = 200*time.Millisecond, 5*time.Second
		return c
	}
	checks := map[string]struct {
		check catalog.Check
		want  string // the status it comes to
	}{
		"http":   {often(catalog.Check{HTTP: "http://" + agent.Addr + "/v1/status/leader", Method: "GET", Header: map[string][]string{"X-From": {"teal"}}}), api.HealthPassing},
		"tcp":    {often(catalog.Check{TCP: listener.Addr().String(), SuccessBeforePassing: 2, FailuresBeforeCritical: 2}), api.HealthPassing},
		"grpc":   {often(catalog.Check{GRPC: listener.Addr().String() + "/shop", GRPCUseTLS: true, TLSSkipVerify: true}), api.HealthCritical},
		"ttl":    {catalog.Check{TTL: time.Hour, Initial: catalog.Warning}, api.HealthWarning},
		"script": {often(catalog.Check{Args: []string{"sh", "-c", "exit 0"}}), api.HealthPassing},
		// A second database in the container finds its port taken and ends with 1,
		// which is a warning.
		"docker": {often(catalog.Check{Args: []string{"/app"}, Container: startContainer(t, image)}), api.HealthWarning},
	}
	r := catalog.Registration{ID: "kinds", Service: "kinds", Address: "127.0.0.1", Port: 80}
	for kind, c := range checks {
		c.check.ID, c.check.Name = kind, kind
		r.Checks = append(r.Checks, c.check)
	}
	require.NoError(t, store.Register(t.Context(), r))
	for kind, c := range checks {
		require.Eventually(t, func() bool {
			list, err := agent.Client().Agent().Checks()
			// What begins critical and stays so must have said why.
			return err == nil && list[kind] != nil && list[kind].Type == kind && list[kind].Status == c.want &&
				(c.want != api.HealthCritical || list[kind].Output != "")
		}, patience, 50*time.Millisecond, "the %s check never came to %s", kind, c.want)
	}
}

// startContainer runs an image until the test ends and answers the container's
// id.
func startContainer(t *testing.T, image string) string {
	t.Helper()
	docker := dockerClient(t)
	made, err := docker.ContainerCreate(t.Context(), &container.Config{Image: image}, nil, nil, nil, "")
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = docker.ContainerRemove(context.WithoutCancel(t.Context()), made.ID, container.RemoveOptions{Force: true})
	})
	require.NoError(t, docker.ContainerStart(t.Context(), made.ID, container.StartOptions{}))
	return made.ID
}
