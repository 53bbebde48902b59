package registry

import (
	"errors"
	"net/http"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// isAnswer tells whether a registry was reached and answered something else than
// was asked for.
func isAnswer(err error) bool {
	_, ok := errors.AsType[*transport.Error](err)
	return ok
}

// isMissing tells whether a registry has answered that it has no such image. The
// answer to a HEAD has nothing but its status.
func isMissing(err error) bool {
	answer, ok := errors.AsType[*transport.Error](err)
	if !ok {
		return false
	}
	for _, d := range answer.Errors {
		switch d.Code {
		case transport.ManifestUnknownErrorCode, transport.NameUnknownErrorCode:
			return true
		}
	}
	return answer.StatusCode == http.StatusNotFound
}

// isRefused tells whether a registry wants another user, or any. Some say so of
// repositories that are not there.
func isRefused(err error) bool {
	answer, ok := errors.AsType[*transport.Error](err)
	return ok && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden)
}

// isPlain tells whether plain HTTP was spoken where HTTPS was wanted.
func isPlain(err error) bool { return errors.Is(err, http.ErrSchemeMismatch) }
