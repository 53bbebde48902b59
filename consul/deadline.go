package consul

import (
	"context"
	"io"
	"net/http"
	"time"
)

// callTimeout is how long Consul may take to answer anything that is not a
// blocking query. Writes wait for the cluster, and an agent retries for a few
// seconds when there is no leader.
const callTimeout = 10 * time.Second

// silent is the error of a request that Consul has not answered in its time. It
// is a context.DeadlineExceeded.
type silent struct{}

var errSilent = silent{}

func (silent) Error() string { return "has not answered in time" }

// Is implements errors.Is.
func (silent) Is(target error) bool { return target == context.DeadlineExceeded }

// Timeout implements net.Error's.
func (silent) Timeout() bool { return true }

// deadlines gives every request to Consul a limit: a connection that has gone
// silent must not hold up a lock's renewal, a flip or a watch for ever.
type deadlines struct {
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (d deadlines) RoundTrip(r *http.Request) (*http.Response, error) {
	limit := callTimeout
	if r.URL.Query().Has("wait") {
		limit = deadline
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), limit, errSilent)
	resp, err := d.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = endingBody{resp.Body, cancel}
	return resp, nil
}

// endingBody gives the deadline's timer back when the answer has been read.
type endingBody struct {
	io.ReadCloser
	end context.CancelFunc
}

// Close implements io.Closer.
func (b endingBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
