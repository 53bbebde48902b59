package hosttest

import (
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/hosttest/program"
)

func describes(t *testing.T, w *world) {
	spec := w.spec("web")
	spec.WorkingDir = t.TempDir()
	one := path.Join(spec.WorkingDir, "run/secrets/token")
	spec.Files = []catalog.File{{Path: one, Content: []byte("one"), Mode: 0o440}}
	spec.Network, spec.Also, spec.Hostnames = w.mark, []string{w.further()}, []string{"web", "shop"}
	spec.Command = []string{"one", "two"}
	spec.Restart, spec.StopGrace = "on-failure:2", 7*time.Second
	spec.Healthcheck = &catalog.Healthcheck{Test: []string{catalog.HealthcheckCommand, "/check"}, Interval: time.Hour}
	spec.Sandbox = catalog.Sandbox{
		Ulimits: []catalog.Ulimit{{Name: "nofile", Soft: 512, Hard: 1024}}, Hostname: "shop", ExtraHosts: []string{"db:10.0.0.5"},
		Tmpfs: map[string]string{"/scratch": "size=1m"}, LogDriver: "json-file", LogOptions: map[string]string{"max-size": "10m"},
	}
	spec = withEnv(spec, program.EnvShow, one)
	for _, network := range []string{w.mark, w.further()} {
		require.NoError(t, w.host.EnsureNetwork(t.Context(), network, nil))
	}
	id := w.start(spec)
	w.logged(id, program.Started+" one two")
	require.NoError(t, w.host.Stop(t.Context(), id, time.Second))
	require.NoError(t, w.host.Rename(t.Context(), id, spec.Name+"-kept"))

	got, err := w.host.Describe(t.Context(), id)
	require.NoError(t, err)
	want := spec
	want.Name = spec.Name + "-kept"
	require.Equal(t, want, got)

	require.NoError(t, w.host.Remove(t.Context(), id)) // its files may be in the way of another's
	got.Name = spec.Name
	again := w.start(got)
	w.serves(again)
	logs := w.logged(again, program.Started+" one two")
	require.Contains(t, logs, program.Showed+" "+one+" -r--r-----")
	require.True(t, strings.Contains(logs, " one\n"), logs)

	plain := w.spec("plain")
	got, err = w.host.Describe(t.Context(), w.create(plain))
	require.NoError(t, err)
	for _, none := range []any{got.Entrypoint, got.Command, got.User, got.WorkingDir, got.Files, got.Volumes, got.Also} {
		require.Empty(t, none, "what the image says is left out")
	}
	require.Empty(t, got.Network)
	require.Nil(t, got.Healthcheck)
	require.Zero(t, got.Sandbox)
	require.Equal(t, plain.Env, got.Env)
	require.Equal(t, plain.Labels, got.Labels)
	require.Equal(t, plain.Ports, got.Ports)

	_, err = w.host.Describe(t.Context(), w.mark+"-none")
	require.ErrorContains(t, err, w.mark+"-none")
}
