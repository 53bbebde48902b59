package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/client"
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
	switch {
	case !ok || rest == "":
		return "", fmt.Errorf("%q is not a Docker endpoint; write it like unix:///var/run/docker.sock or tcp://host:2376", endpoint)
	case scheme == "unix" || scheme == "tcp":
		return endpoint, nil
	case scheme == "ssh":
		return "", fmt.Errorf("Docker endpoint %s: ssh is not supported here; forward the socket first (ssh -NL /tmp/docker.sock:/var/run/docker.sock %s) and use unix:///tmp/docker.sock, or use tcp:// with TLS", endpoint, rest)
	}
	return "", fmt.Errorf("Docker endpoint %s: unknown scheme %q; use unix:// or tcp://", endpoint, scheme)
}

// clientOptions are the SDK's options for an endpoint that resolveEndpoint has
// accepted.
func clientOptions(endpoint string) ([]client.Opt, error) {
	opts := []client.Opt{client.WithVersionFromEnv(), client.WithAPIVersionNegotiation()}
	if strings.HasPrefix(endpoint, "tcp://") {
		tls, err := tlsOption()
		if err != nil {
			return nil, fmt.Errorf("Docker endpoint %s: %w", endpoint, err)
		}
		opts = append(opts, tls...)
	}
	return append(opts, client.WithHost(endpoint)), nil
}

// tlsOption reads DOCKER_CERT_PATH and DOCKER_TLS_VERIFY the way the Docker CLI
// does: asked to verify without a path, it takes the certificates of ~/.docker.
func tlsOption() ([]client.Opt, error) {
	dir := os.Getenv(client.EnvOverrideCertPath)
	if dir == "" && os.Getenv(client.EnvTLSVerify) == "" {
		return nil, nil
	}
	if dir != "" {
		return []client.Opt{client.WithTLSClientConfigFromEnv()}, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, fmt.Errorf("find the TLS certificates: %w; set %s", err, client.EnvOverrideCertPath)
	}
	dir = filepath.Join(home, ".docker")
	return []client.Opt{client.WithTLSClientConfig(
		filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))}, nil
}
