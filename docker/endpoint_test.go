package docker

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEndpoints(t *testing.T) {
	for _, test := range []struct{ given, env, want, err string }{
		{"unix:///run/docker.sock", "tcp://other:1", "unix:///run/docker.sock", ""},
		{"", "tcp://host:2375", "tcp://host:2375", ""},
		{"", "", "unix:///var/run/docker.sock", ""},
		{"ssh://user@host", "", "ssh://user@host", ""},
		{"ssh://user:secret@host", "", "", "it holds a password"},
		{"http://host", "", "", `unknown scheme "http"`},
		{"host:2375", "", "", "not a Docker endpoint"},
		{"unix://", "", "", "not a Docker endpoint"},
	} {
		t.Setenv("DOCKER_HOST", test.env)
		t.Setenv("DOCKER_CERT_PATH", "")
		t.Setenv("DOCKER_TLS_VERIFY", "")
		engine, err := New(test.given)
		if test.err != "" {
			require.ErrorContains(t, err, test.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, test.want, engine.Name())
	}
}

func TestTLSNeedsItsCertificates(t *testing.T) {
	empty := t.TempDir()
	t.Setenv("DOCKER_CERT_PATH", empty)
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	_, err := New("tcp://host:2376")
	require.ErrorContains(t, err, filepath.Join(empty, "ca.pem"))
	_, err = New("unix:///run/docker.sock")
	require.NoError(t, err, "a socket needs none")

	t.Setenv("DOCKER_CERT_PATH", "")
	t.Setenv("HOME", empty)
	_, err = New("tcp://host:2376")
	require.ErrorContains(t, err, filepath.Join(empty, ".docker", "ca.pem"))
}

func TestAnEngineThatIsNotThere(t *testing.T) {
	endpoint := "unix://" + filepath.Join(t.TempDir(), "docker.sock")
	engine, err := New(endpoint)
	require.NoError(t, err)
	want := "cannot reach Docker at " + endpoint + "; is it running"
	require.ErrorContains(t, engine.Ping(t.Context()), want)
	_, err = engine.Containers(t.Context())
	require.ErrorContains(t, err, want)
	_, err = engine.Changes(t.Context())
	require.ErrorContains(t, err, want)
	require.ErrorContains(t, engine.Start(t.Context(), "web"), "start container web: "+want)
}
