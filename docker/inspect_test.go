package docker

import (
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func inspected() container.InspectResponse {
	in := container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{
			ID: "id", Name: "/web", Image: "sha256:1", Created: "2026-01-02T03:04:05.6Z",
			State:      &container.State{Running: true, StartedAt: "2026-01-02T03:04:06Z"},
			HostConfig: &container.HostConfig{NetworkMode: "bridge"},
		},
		Config: &container.Config{
			Image: "web:1", StopSignal: "SIGQUIT", Labels: map[string]string{"a": "b"}, Env: []string{"X=1=2", "EMPTY=", "BARE"},
			ExposedPorts: nat.PortSet{"9090/tcp": {}, "80/tcp": {}},
		},
		NetworkSettings: &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{
			"z": {IPAddress: "10.0.0.2"}, "a": {GlobalIPv6Address: "fd00::2"}, "nil": nil,
		}},
	}
	in.NetworkSettings.Ports = nat.PortMap{
		"80/tcp": {{HostIP: "::", HostPort: "1000"}, {HostIP: "0.0.0.0", HostPort: "2001"}, {HostIP: "0.0.0.0", HostPort: "2000"}},
		"53/udp": nil,
	}
	return in
}

func TestContainerOf(t *testing.T) {
	require.Equal(t, catalog.Container{
		ID: "id", Name: "web", Image: "web:1", ImageID: "sha256:1", Running: true,
		Labels: map[string]string{"a": "b"}, Env: map[string]string{"X": "1=2", "EMPTY": "", "BARE": ""},
		Ports: []catalog.Port{
			{Private: 53, Protocol: "udp"},
			{Private: 80, Protocol: "tcp", HostIP: "0.0.0.0", Host: 2000},
			{Private: 9090, Protocol: "tcp"},
		},
		Bindings: []catalog.Port{
			{Private: 80, Protocol: "tcp", HostIP: "0.0.0.0", Host: 2000},
			{Private: 80, Protocol: "tcp", HostIP: "0.0.0.0", Host: 2001},
			{Private: 80, Protocol: "tcp", HostIP: "::", Host: 1000},
		},
		NetworkMode: "bridge", StopSignal: 3,
		Started:  time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
		Networks: []catalog.Network{{Name: "a", IP: "fd00::2", IPv6: "fd00::2"}, {Name: "nil"}, {Name: "z", IP: "10.0.0.2"}},
		Created:  time.Date(2026, 1, 2, 3, 4, 5, 6e8, time.UTC),
	}, containerOf(inspected()))
}

func TestContainerOfAHostNetworkPublishesItself(t *testing.T) {
	in := inspected()
	in.HostConfig.NetworkMode = "host"
	in.NetworkSettings.Ports = nil
	require.Equal(t, []catalog.Port{
		{Private: 80, Protocol: "tcp", Host: 80}, {Private: 9090, Protocol: "tcp", Host: 9090},
	}, containerOf(in).Ports)
}

func TestContainerOfAnAnswerWithHoles(t *testing.T) {
	require.Equal(t, catalog.Container{Ports: []catalog.Port{}}, containerOf(container.InspectResponse{}))
}

func TestRunningMeansAbleToAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		state  container.State
		want   bool
		paused bool
	}{
		"running":    {container.State{Running: true}, true, false},
		"paused":     {container.State{Running: true, Paused: true}, false, true},
		"restarting": {container.State{Running: true, Restarting: true}, false, false},
		"dead":       {container.State{Running: true, Dead: true}, false, false},
		"exited":     {container.State{}, false, false},
	} {
		in := inspected()
		in.State = &test.state
		require.Equal(t, test.want, containerOf(in).Running, name)
		require.Equal(t, test.paused, containerOf(in).Paused, name)
	}
}

func TestHealth(t *testing.T) {
	for status, want := range map[string]string{"none": "", "starting": "starting", "healthy": "healthy", "unhealthy": "unhealthy"} {
		in := inspected()
		in.State.Health = &container.Health{Status: status}
		require.Equal(t, want, containerOf(in).Health)
	}
}

func TestHealthTellsWhatTheLastRunSaid(t *testing.T) {
	in := inspected()
	in.State.Health = &container.Health{Status: "unhealthy", Log: []*container.HealthcheckResult{
		{Output: "first"}, {Output: "\n" + strings.Repeat("é", 400)},
	}}
	c := containerOf(in)
	require.Equal(t, strings.Repeat("é", 256), c.HealthOutput)
	in.State.Health.Log = nil
	require.Empty(t, containerOf(in).HealthOutput)
}

func TestSignalNumbers(t *testing.T) {
	for name, want := range map[string]int{
		"": 0, "15": 15, "SIGTERM": 15, "SIGQUIT": 3, "quit": 3, "SIGWINCH": 28, "SIGRTMIN+3": 37, "SIGRTMIN": 34, "nonsense": 0, "TERM+1": 15,
	} {
		require.Equal(t, want, signalNumber(name), name)
	}
}
