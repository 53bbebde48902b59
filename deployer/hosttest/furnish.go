package hosttest

import (
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/hosttest/program"
)

func publishesFixed(t *testing.T, w *world) {
	wanted := freePort(t)
	one, two := w.spec("one"), w.spec("two")
	for _, spec := range []*catalog.ContainerSpec{&one, &two} {
		spec.Ports = []catalog.Port{{Private: port, Protocol: "tcp", HostIP: "127.0.0.1", Host: wanted}}
	}
	first, second := w.start(one), w.create(two)
	w.serves(first)
	require.Equal(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(wanted)), w.address(first))
	err := w.host.Start(t.Context(), second)
	require.ErrorContains(t, err, "port "+strconv.Itoa(wanted))
	require.ErrorContains(t, err, "is taken by")
	require.False(t, w.get(second).Running)

	require.NoError(t, w.host.Remove(t.Context(), first))
	require.NoError(t, w.host.Start(t.Context(), second), "the port is free again")
	w.serves(second)
}

// freePort is a port of this machine that nobody has now.
func freePort(t *testing.T) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func joins(t *testing.T, w *world) {
	spec := w.spec("web")
	spec.Network, spec.Also, spec.Hostnames = w.mark, []string{w.further()}, []string{"web"}
	require.NoError(t, w.host.EnsureNetwork(t.Context(), w.mark, nil))
	_, err := w.host.Create(t.Context(), spec)
	require.ErrorContains(t, err, w.further())
	require.Empty(t, w.mine(), "a container that can't join is not made")

	require.NoError(t, w.host.EnsureNetwork(t.Context(), w.further(), nil))
	id := w.start(spec)
	w.serves(id)
	joined := w.get(id).Networks
	require.Len(t, joined, 2)
	require.Equal(t, []string{w.mark, w.further()}, []string{joined[0].Name, joined[1].Name})
	require.ErrorContains(t, w.host.RemoveNetwork(t.Context(), w.further()), spec.Name)
}

func (w *world) mine() []catalog.Container {
	w.t.Helper()
	mine, err := w.host.List(w.t.Context(), map[string]string{label: w.mark})
	require.NoError(w.t, err)
	return mine
}

func putsFiles(t *testing.T, w *world) {
	spec := w.spec("web")
	spec.WorkingDir = t.TempDir()
	one, two := path.Join(spec.WorkingDir, "run/secrets/token"), path.Join(spec.WorkingDir, "top")
	spec.Files = []catalog.File{
		{Path: one, Content: []byte("one"), Mode: 0o440},
		{Path: two, Content: []byte("two"), Mode: 0o777},
		{Path: path.Join(spec.WorkingDir, "run/empty"), Mode: 0o600},
	}
	spec = withEnv(spec, program.EnvShow, one+" "+two)
	id := w.start(spec)
	w.logged(id, program.Started)
	logs, err := w.host.Logs(t.Context(), id, 100)
	require.NoError(t, err)
	require.Contains(t, logs, fmt.Sprintf("%s %s -r--r----- ", program.Showed, one))
	require.Contains(t, logs, fmt.Sprintf("%s %s -rwxrwxrwx ", program.Showed, two))
	for _, line := range strings.Split(strings.TrimSpace(logs), "\n") {
		if name, ok := strings.CutPrefix(line, program.Showed+" "+one); ok {
			require.True(t, strings.HasSuffix(name, " one"), line)
		}
	}
}

func refusesFiles(t *testing.T, w *world) {
	for _, bad := range []string{"relative/path", "/", ""} {
		spec := w.spec("web")
		spec.WorkingDir = t.TempDir()
		spec.Files = []catalog.File{
			{Path: path.Join(spec.WorkingDir, "good"), Content: []byte("hidden"), Mode: 0o600},
			{Path: bad, Content: []byte("hidden"), Mode: 0o600},
		}
		_, err := w.host.Create(t.Context(), spec)
		require.ErrorContains(t, err, spec.Name)
		require.ErrorContains(t, err, bad)
		require.NotContains(t, err.Error(), "hidden")
		require.Empty(t, w.mine())
	}
}

// isolates accepts that a host can't, as long as it says so.
func isolates(t *testing.T, w *world) {
	spec := withEnv(w.spec("web"), program.EnvInterfaces, "1")
	spec.Network, spec.Hostnames = catalog.NoNetwork, []string{"web"}
	id := w.create(spec)
	if err := w.host.Start(t.Context(), id); err != nil {
		require.ErrorContains(t, err, "kept from the network")
		return
	}
	w.logged(id, program.Started)
	w.logged(id, program.Interfaces)
	for _, p := range w.get(id).Ports {
		require.Zero(t, p.Host, "nothing is published")
	}

	spec = w.spec("both")
	spec.Network, spec.Also = catalog.NoNetwork, []string{w.mark}
	_, err := w.host.Create(t.Context(), spec)
	require.ErrorContains(t, err, w.mark)
}
