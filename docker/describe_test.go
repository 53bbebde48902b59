package docker

import (
	"cmp"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// inspectedOf is what an engine tells of a container that was made from a spec.
func inspectedOf(t *testing.T, spec catalog.ContainerSpec, image defaults) container.InspectResponse {
	t.Helper()
	config, host, networking, err := createBody(spec)
	require.NoError(t, err)
	if len(config.Entrypoint) == 0 {
		config.Entrypoint = image.Entrypoint
		if len(config.Cmd) == 0 {
			config.Cmd = image.Cmd
		}
	}
	engineDefaults(config, host)
	config.Env = append(config.Env, image.Env...)
	if config.User == "" {
		config.User = image.User
	}
	all := map[string]*network.EndpointSettings{}
	for name, at := range networking.EndpointsConfig {
		all[name] = &network.EndpointSettings{Aliases: append([]string{"0123456789ab"}, at.Aliases...)}
	}
	for _, name := range spec.Also {
		all[name] = nil
	}
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{ID: "0123456789abcdef", Name: "/" + spec.Name, HostConfig: host},
		Config:            config, NetworkSettings: &container.NetworkSettings{Networks: all},
	}
}

// engineDefaults fills in what an engine takes from its own settings and from the
// image where a container says nothing.
func engineDefaults(config *container.Config, host *container.HostConfig) {
	if config.Healthcheck == nil {
		config.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "/image's"}}
	}
	config.Hostname = cmp.Or(config.Hostname, "0123456789ab")
	config.StopSignal = cmp.Or(config.StopSignal, "SIGWINCH")
	host.ShmSize = cmp.Or(host.ShmSize, 64<<20)
	if host.Memory != 0 {
		host.MemorySwap = 2 * host.Memory
	}
	if host.LogConfig.Type == "" {
		host.LogConfig = container.LogConfig{Type: "journald", Config: map[string]string{"tag": "engine"}}
	}
}

// described is the reverse of inspectedOf.
func described(t *testing.T, in container.InspectResponse, image defaults) catalog.ContainerSpec {
	t.Helper()
	spec, err := specOf(in, image)
	require.NoError(t, err)
	return spec
}

func TestSpecOfWhatWasCreated(t *testing.T) {
	image := defaults{Entrypoint: []string{"/entry"}, Cmd: []string{"serve"}, Env: []string{"PATH=/bin"}, User: "web"}
	full := catalog.ContainerSpec{
		Name: "web-blue-1", Image: "web:1", Entrypoint: []string{"/web"}, Command: []string{"serve"},
		Env: map[string]string{"B": "2", "A": "1"}, Labels: map[string]string{"l": "v"},
		Ports: []catalog.Port{
			{Private: 53, Protocol: "udp", HostIP: "127.0.0.1", Host: 5353},
			{Private: 80, Protocol: "tcp"},
			{Private: 8080, Protocol: "tcp", HostIP: "127.0.0.1"},
		},
		Network: "private", Hostnames: []string{"web"}, Also: []string{"shared"}, Restart: "on-failure:3",
		StopGrace: 2 * time.Second, User: "1000:1000", WorkingDir: "/srv",
		Volumes: []catalog.Volume{
			{Source: "data", Target: "/data"},
			{Source: "/etc/web", Target: "/etc/web", ReadOnly: true},
			{Source: "new", Target: "/new", NoCopy: true},
			{Source: "/mnt", Target: "/mnt", Propagation: "rslave"},
		},
		Healthcheck: &catalog.Healthcheck{Test: []string{"CMD", "/web", "check"}, Retries: 3},
		Sandbox:     fullSandbox,
	}
	require.Equal(t, full, described(t, inspectedOf(t, full, image), image))

	plain := catalog.ContainerSpec{Name: "web", Image: "web:1", Env: map[string]string{}, Labels: map[string]string{}}
	require.Equal(t, plain, described(t, inspectedOf(t, plain, image), image))

	same := plain
	same.Entrypoint = []string{"/entry"} // takes the image's command away, though it is the image's own
	require.Equal(t, same, described(t, inspectedOf(t, same, image), image))
	same.Command = []string{"other"}
	plain.Command = same.Command
	require.Equal(t, plain, described(t, inspectedOf(t, same, image), image))
}

func TestHostnamesAreThoseThatWereAskedFor(t *testing.T) {
	const id, short = "0123456789abcdef", "0123456789ab"
	for _, aliases := range [][]string{{"web"}, {"web", short}, {"web", short, "shop"}, {short, "web"}} {
		hostnames, _ := placesOf(map[string]*network.EndpointSettings{"private": {Aliases: aliases}}, "private", id, "shop")
		require.Equal(t, []string{"web"}, hostnames, aliases)
	}
	hostnames, _ := placesOf(map[string]*network.EndpointSettings{"private": {Aliases: []string{"shop", short}}}, "private", id, "shop")
	require.Equal(t, []string{"shop"}, hostnames, "it was asked for as both")
}

func TestSpecOfAContainerWithALabelOfSomebodyElse(t *testing.T) {
	in := inspectedOf(t, catalog.ContainerSpec{Name: "web", Labels: map[string]string{catalog.LabelOptions: "none"}}, defaults{})
	_, err := specOf(in, defaults{})
	require.ErrorContains(t, err, "read its label teal.options")
}

func TestFilesOfAContainerAreLabelled(t *testing.T) {
	spec := catalog.ContainerSpec{Labels: map[string]string{"l": "v"}}
	require.Equal(t, spec.Labels, labels(spec))
	spec.Files = []catalog.File{{Path: "/run/a", Content: []byte("hidden")}, {Path: "/run/b"}}
	require.Equal(t, map[string]string{"l": "v", catalog.LabelFiles: `["/run/a","/run/b"]`}, labels(spec))
	require.Len(t, spec.Labels, 1, "the caller's own stay as they are")
}

func TestAFileIsReadBackAsItWasPutIn(t *testing.T) {
	f := catalog.File{Path: "/run/secrets/token", Content: []byte("hidden"), Mode: 0o440, UID: 7, GID: 8}
	packed, err := archive(nil, f)
	require.NoError(t, err)
	got, err := unarchive(f.Path, packed)
	require.NoError(t, err)
	require.Equal(t, f, got)

	packed, err = archive([]string{"folder"}, f)
	require.NoError(t, err)
	_, err = unarchive(f.Path, packed)
	require.ErrorContains(t, err, "a file no more")
}
