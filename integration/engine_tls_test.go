//go:build integration

package integration

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/docker"
	"teal/integration/certtest"
)

// A real engine that listens on TCP, and asks its clients for certificates.
func TestDockerOverTLS(t *testing.T) {
	ca := certtest.New(t)
	folder := t.TempDir()
	put := func(name string, content []byte) string { return certtest.Write(t, content, folder, name) }
	authority := put("ca.pem", ca.PEM())

	n := newFleetNetwork(t)
	h := &fleetHost{machine: newRoom(t, "tls"), number: 1, name: "tls", ip: n.address(11), net: n}
	server := ca.Issue(time.Hour, h.ip)
	endpoint := fmt.Sprintf("tcp://%s:2376", h.ip)
	h.network = []string{
		"--host", endpoint, "--tlsverify", "--tlscacert", authority,
		"--tlscert", put("server.pem", server.Cert), "--tlskey", put("server-key.pem", server.Key),
	}
	h.plugIn()
	h.startEngine()

	client := ca.Issue(time.Hour, "deployer")
	put("cert.pem", client.Cert)
	put("key.pem", client.Key)
	t.Setenv("DOCKER_CERT_PATH", folder)
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	engine, err := docker.New(endpoint)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	require.Eventually(t, func() bool { return engine.Ping(t.Context()) == nil }, patience, fleetPoll, "the engine does not answer over TLS")
	all, err := engine.Containers(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)

	// A client that another authority signed is none.
	stranger := certtest.New(t).Issue(time.Hour, "stranger")
	others := filepath.Join(folder, "others")
	certtest.Write(t, ca.PEM(), others, "ca.pem")
	certtest.Write(t, stranger.Cert, others, "cert.pem")
	certtest.Write(t, stranger.Key, others, "key.pem")
	t.Setenv("DOCKER_CERT_PATH", others)
	refused, err := docker.New(endpoint)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, refused.Close()) })
	require.ErrorContains(t, refused.Ping(t.Context()), "certificate")

	// The engine is verified too, asked for or not.
	certtest.Write(t, certtest.New(t).PEM(), others, "ca.pem")
	t.Setenv("DOCKER_TLS_VERIFY", "")
	misled, err := docker.New(endpoint)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, misled.Close()) })
	require.ErrorContains(t, misled.Ping(t.Context()), "unknown authority")

	// Nor is one that comes without TLS told why in riddles.
	t.Setenv("DOCKER_CERT_PATH", "")
	plain, err := docker.New(endpoint)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, plain.Close()) })
	err = plain.Ping(t.Context())
	t.Log(err)
	require.ErrorContains(t, err, "DOCKER_TLS_VERIFY")
}
