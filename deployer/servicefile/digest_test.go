package servicefile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// What a container was started from is known by its digest. A Teal that knows more
// of containers must not find that all of them have changed.
func TestDigestsStayAsTheyWere(t *testing.T) {
	container := catalog.ContainerSpec{
		Name: "web-production-blue-web-1", Image: "web:1", Entrypoint: []string{"/web"}, Command: []string{"serve"},
		Env: map[string]string{"A": "1"}, Labels: map[string]string{"l": "v"}, Ports: []catalog.Port{{Private: 80, Protocol: "tcp"}},
		Network: "web-production-blue", Hostnames: []string{"web"}, Also: []string{"shared"}, Restart: "on-failure:3",
		Files:     []catalog.File{{Path: "/run/secrets/token", Content: []byte("hidden"), Mode: 0o440, UID: 7, GID: 8}},
		StopGrace: 10 * time.Second, User: "1000", WorkingDir: "/srv",
		Volumes: []catalog.Volume{{Source: "data", Target: "/data"}, {Source: "/etc/web", Target: "/etc/web", ReadOnly: true}},
	}
	require.Equal(t, "f36653fd07947d74eea1348f38b00a1acf22e962242b2e7e9773f6f8a53f4c90", servicefile.DigestOf(container))
	checked, limited := container, container
	checked.Healthcheck, limited.Sandbox.Memory = &catalog.Healthcheck{Retries: 3}, 1<<30
	require.NotEqual(t, servicefile.DigestOf(container), servicefile.DigestOf(checked))
	require.NotEqual(t, servicefile.DigestOf(container), servicefile.DigestOf(limited))
	for file, want := range map[string]string{
		"small": "sha256:cbcb8858dc025786052d1a33ad1fc1b61b21549b0e2a1cd3432d0b9ca79d3f81",
		"ports": "sha256:59feddfd1677a66b6ba03458b0ea16b4b54784d1aa730185c9b006ef9e4b4ec6",
	} {
		spec, err := servicefile.Load(t.Context(), "testdata/spec/good/"+file+".yml", nil)
		require.NoError(t, err)
		require.Equal(t, want, spec.Digest(), file)
	}
}
