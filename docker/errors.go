package docker

import (
	"fmt"

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
	return fmt.Errorf("%s on %s: %w", doing, e.endpoint, err)
}
