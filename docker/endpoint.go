package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/client"

	"teal/catalog"
)

// resolveEndpoint is the address to talk to: the one given, else DOCKER_HOST,
// else the local socket. One that can't work is refused here, with what to do
// instead.
func resolveEndpoint(endpoint string) (string, error) {
	if endpoint == "" {
		endpoint = os.Getenv(client.EnvOverrideHost)
	}
	if endpoint == "" {
		endpoint = client.DefaultDockerHost
	}
	return endpoint, catalog.CheckEndpoint(endpoint)
}

// clientOptions are the SDK's options for an endpoint that resolveEndpoint has
// accepted.
func clientOptions(endpoint string) ([]client.Opt, error) {
	reach := []client.Opt{client.WithHost(endpoint)}
	var err error
	switch scheme, _, _ := strings.Cut(endpoint, "://"); scheme {
	case catalog.SchemeTCP:
		var tls []client.Opt
		tls, err = tlsOption()
		reach = append(tls, reach...)
	case catalog.SchemeSSH:
		reach, err = sshOptions(endpoint)
	}
	if err != nil {
		return nil, fmt.Errorf("Docker endpoint %s: %w", endpoint, err)
	}
	return append([]client.Opt{client.WithVersionFromEnv(), client.WithAPIVersionNegotiation()}, reach...), nil
}

// tlsOption reads DOCKER_CERT_PATH and DOCKER_TLS_VERIFY the way the Docker CLI
// does: asked to verify without a path, it takes the certificates of ~/.docker. An
// engine that certificates are there for is always verified.
func tlsOption() ([]client.Opt, error) {
	dir := os.Getenv(client.EnvOverrideCertPath)
	if dir == "" {
		if os.Getenv(client.EnvTLSVerify) == "" {
			return nil, nil
		}
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("find the TLS certificates: %w; set %s", err, client.EnvOverrideCertPath)
		}
		dir = filepath.Join(home, ".docker")
	}
	return []client.Opt{client.WithTLSClientConfig(
		filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))}, nil
}
