package docker

import (
	"fmt"
	"strings"

	"github.com/docker/docker/client"
)

// wrap says what was being done when err happened, and what to do when nobody
// answered at all. A nil err stays nil.
func (e *Engine) wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	doing := fmt.Sprintf(format, args...)
	if client.IsErrConnectionFailed(err) {
		return fmt.Errorf("%s: cannot reach Docker at %s; is it running, and may this user connect to it? (%w)", doing, e.endpoint, err)
	}
	if strings.Contains(err.Error(), "HTTP request to an HTTPS server") { // Go's server says so, which the engine's is
		return fmt.Errorf("%s: Docker at %s wants TLS; set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem (%w)", doing, e.endpoint, err)
	}
	return fmt.Errorf("%s on %s: %w", doing, e.endpoint, err)
}
