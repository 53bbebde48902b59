package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/client"
)

// The schemes that endpoints may have, as the Docker CLI has them.
const (
	schemeUnix = "unix"
	schemeTCP  = "tcp"
	schemeSSH  = "ssh"
)

// resolveEndpoint is the address to talk to: the one given, else DOCKER_HOST,
// else the local socket. Schemes that can't work are refused here, with what to
// do instead.
func resolveEndpoint(endpoint string) (string, error) {
	if endpoint == "" {
		endpoint = os.Getenv(client.EnvOverrideHost)
	}
	if endpoint == "" {
		endpoint = client.DefaultDockerHost
	}
	scheme, rest, ok := strings.Cut(endpoint, "://")
	if !ok || rest == "" {
		return "", fmt.Errorf("%q is not a Docker endpoint; write it like unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host", endpoint)
	}
	switch scheme {
	case schemeUnix, schemeTCP, schemeSSH:
		return endpoint, nil
	}
	return "", fmt.Errorf("Docker endpoint %s: unknown scheme %q; use unix://, tcp:// or ssh://", endpoint, scheme)
}

// clientOptions are the SDK's options for an endpoint that resolveEndpoint has
// accepted.
func clientOptions(endpoint string) ([]client.Opt, error) {
	reach := []client.Opt{client.WithHost(endpoint)}
	var err error
	switch scheme, _, _ := strings.Cut(endpoint, "://"); scheme {
	case schemeTCP:
		var tls []client.Opt
		tls, err = tlsOption()
		reach = append(tls, reach...)
	case schemeSSH:
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
