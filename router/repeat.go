package router

import (
	"context"
	"errors"
	"net"
	"net/http"

	"teal/router/limit"
)

// mayRepeat tells whether a request that failed may go to another instance:
// where nothing of it was sent, or where to do it twice is to do it once (RFC
// 9110, section 9.2.2) and it has no body, which would be gone. No byte of an
// answer has come, as that would have been no failure.
func (f *flight) mayRepeat(req *http.Request, err error) bool {
	if f.client.Err() != nil || context.Cause(req.Context()) != nil {
		return false // the client has gone, or its time is over
	}
	return dialFailed(err) || (req.Body == nil && isIdempotent(req.Method))
}

func isIdempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// failure is how the claimed instance failed. It is false where the client did.
func (f *flight) failure(ctx context.Context, err error) (limit.Failure, bool) {
	switch {
	case f.client.Err() != nil, f.uploadBroke.Load(), f.tooLarge.Load():
		return "", false
	case dialFailed(err):
		return limit.Refused, true
	case errors.Is(context.Cause(ctx), errFirstByte), errors.Is(context.Cause(ctx), errWhole):
		return limit.TimedOut, true
	}
	return limit.Reset, true
}

func dialFailed(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
