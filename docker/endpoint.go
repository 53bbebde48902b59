package docker

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/cli/cli/connhelper"
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

// Each connection over SSH is a process and a handshake: more of them are kept,
// and longer, than the SDK keeps.
const (
	sshIdle        = 8
	sshIdleTimeout = 2 * time.Minute
)

// sshOptions reach an engine by ssh(1), with the keys, agent and configuration of
// whoever runs Teal, and by the `docker system dial-stdio` of its host.
func sshOptions(endpoint string) ([]client.Opt, error) {
	helper, err := connhelper.GetConnectionHelper(endpoint)
	if err != nil {
		return nil, err
	}
	return []client.Opt{
		client.WithHTTPClient(&http.Client{
			CheckRedirect: client.CheckRedirect,
			Transport:     &http.Transport{MaxIdleConns: sshIdle, MaxIdleConnsPerHost: sshIdle, IdleConnTimeout: sshIdleTimeout},
		}),
		client.WithHost(helper.Host),
		client.WithDialContext(helper.Dialer), // after the host, which sets its own
	}, nil
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
