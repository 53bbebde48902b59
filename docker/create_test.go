package docker

import (
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestCreateBody(t *testing.T) {
	config, host, networking, err := createBody(catalog.ContainerSpec{
		Name: "web-blue-1", Image: "web:1", Entrypoint: []string{"/web"}, Command: []string{"serve"},
		Env: map[string]string{"B": "2", "A": "1"}, Labels: map[string]string{"l": "v"},
		Ports: []catalog.Port{
			{Private: 80},
			{Private: 53, Protocol: "udp", HostIP: "127.0.0.1", Host: 5353},
			{Private: 8080, HostIP: "127.0.0.1"},
			{Private: 8080, HostIP: "::1"},
		},
		Network: "private", Hostnames: []string{"web"}, Restart: "unless-stopped",
		StopGrace: 1500 * time.Millisecond, User: "1000:1000", WorkingDir: "/srv",
		Volumes: []catalog.Volume{
			{Source: "data", Target: "/data"},
			{Source: "/etc/web", Target: "/etc/web", ReadOnly: true},
			{Source: "new", Target: "/new", NoCopy: true},
			{Source: "/mnt", Target: "/mnt", Propagation: "rslave"},
		},
		Healthcheck: &catalog.Healthcheck{
			Test: []string{"CMD", "/web", "check"}, Interval: time.Second, Timeout: 2 * time.Second, Retries: 3,
			StartPeriod: 4 * time.Second, StartInterval: 5 * time.Second,
		},
		Sandbox: catalog.Sandbox{Memory: 1 << 30},
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"healthcheck": {"Test": ["CMD", "/web", "check"], "Interval": 1000000000, "Timeout": 2000000000,
		"Retries": 3, "StartPeriod": 4000000000, "StartInterval": 5000000000}, "sandbox": {"Memory": 1073741824}}`, config.Labels[catalog.LabelOptions])
	delete(config.Labels, catalog.LabelOptions)
	require.Equal(t, &container.Config{
		Image: "web:1", Entrypoint: []string{"/web"}, Cmd: []string{"serve"}, Env: []string{"A=1", "B=2"},
		Labels: map[string]string{"l": "v"}, ExposedPorts: nat.PortSet{"80/tcp": {}, "53/udp": {}, "8080/tcp": {}},
		User: "1000:1000", WorkingDir: "/srv", StopTimeout: new(2),
		Healthcheck: &container.HealthConfig{
			Test: []string{"CMD", "/web", "check"}, Interval: time.Second, Timeout: 2 * time.Second, Retries: 3,
			StartPeriod: 4 * time.Second, StartInterval: 5 * time.Second,
		},
	}, config)
	require.Equal(t, &container.HostConfig{
		NetworkMode: "private",
		PortBindings: nat.PortMap{
			"80/tcp": {{}}, "53/udp": {{HostIP: "127.0.0.1", HostPort: "5353"}}, "8080/tcp": {{HostIP: "127.0.0.1"}, {HostIP: "::1"}},
		},
		RestartPolicy: container.RestartPolicy{Name: "unless-stopped"},
		Mounts: []mount.Mount{
			{Type: mount.TypeVolume, Source: "data", Target: "/data"},
			{Type: mount.TypeBind, Source: "/etc/web", Target: "/etc/web", ReadOnly: true},
			{Type: mount.TypeVolume, Source: "new", Target: "/new", VolumeOptions: &mount.VolumeOptions{NoCopy: true}},
			{Type: mount.TypeBind, Source: "/mnt", Target: "/mnt", BindOptions: &mount.BindOptions{Propagation: "rslave"}},
		},
		Resources: container.Resources{Memory: 1 << 30},
		Init:      new(false),
	}, host)
	require.Equal(t, []string{"web"}, networking.EndpointsConfig["private"].Aliases)
}

func TestCreateBodyOfASandbox(t *testing.T) {
	config, host, _, err := createBody(catalog.ContainerSpec{Sandbox: fullSandbox})
	require.NoError(t, err)
	require.Equal(t, "shop", config.Hostname)
	require.Equal(t, "SIGQUIT", config.StopSignal)
	require.Equal(t, &container.HostConfig{
		PortBindings: nat.PortMap{},
		CapAdd:       []string{"NET_ADMIN"}, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges=true"}, ReadonlyRootfs: true,
		Tmpfs: map[string]string{"/tmp": "size=64m"}, Sysctls: map[string]string{"net.core.somaxconn": "1024"},
		ExtraHosts: []string{"db:10.0.0.5"}, ShmSize: 128 << 20, Init: new(true),
		LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m"}},
		Resources: container.Resources{
			Memory: 1 << 30, NanoCPUs: 1500000000, PidsLimit: new(int64(200)),
			Ulimits: []*container.Ulimit{{Name: "nofile", Soft: 1024, Hard: 2048}},
		},
	}, host)
}

// fullSandbox has all that a sandbox can have.
var fullSandbox = catalog.Sandbox{
	Memory: 1 << 30, NanoCPUs: 1500000000, PIDs: 200, ShmSize: 128 << 20,
	Ulimits: []catalog.Ulimit{{Name: "nofile", Soft: 1024, Hard: 2048}},
	CapAdd:  []string{"NET_ADMIN"}, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges=true"}, ReadOnly: true,
	Tmpfs: map[string]string{"/tmp": "size=64m"}, Sysctls: map[string]string{"net.core.somaxconn": "1024"},
	ExtraHosts: []string{"db:10.0.0.5"}, Hostname: "shop", Init: true, StopSignal: "SIGQUIT",
	LogDriver: "json-file", LogOptions: map[string]string{"max-size": "10m"},
}

func TestCreateBodyWithoutANetwork(t *testing.T) {
	spec := catalog.ContainerSpec{Network: catalog.NoNetwork, Hostnames: []string{"web"}, Ports: []catalog.Port{{Private: 80}}}
	config, host, networking, err := createBody(spec)
	require.NoError(t, err)
	require.EqualValues(t, "none", host.NetworkMode)
	require.Empty(t, host.PortBindings)
	require.Contains(t, config.ExposedPorts, nat.Port("80/tcp"))
	require.Empty(t, networking.EndpointsConfig)

	spec.Also = []string{"shared"}
	_, _, _, err = createBody(spec)
	require.ErrorContains(t, err, "shared")
}

func TestCreateBodyRefusesPortsThatAreNone(t *testing.T) {
	for _, port := range []int{0, -1, 65536} {
		_, _, _, err := createBody(catalog.ContainerSpec{Ports: []catalog.Port{{Private: port}}})
		require.ErrorContains(t, err, "not from 1 to 65535")
	}
}

func TestRestartPolicy(t *testing.T) {
	for text, want := range map[string]container.RestartPolicy{
		"":             {},
		"always":       {Name: "always"},
		"on-failure":   {Name: "on-failure"},
		"on-failure:3": {Name: "on-failure", MaximumRetryCount: 3},
	} {
		got, err := restartPolicy(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"on-failure:x", "sometimes"} {
		_, err := restartPolicy(text)
		require.ErrorContains(t, err, text)
	}
}
