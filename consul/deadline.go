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
	ctx, cancel := context.WithTimeout(r.Context(), limit)
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
