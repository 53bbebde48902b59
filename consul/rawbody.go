package consul

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
)

// rawBody is the body of an answer as Consul sent it. It is for who can decode it
// better than the SDK, which is given an empty list instead.
type rawBody struct {
	room  int    // how much it is expected to take
	bytes []byte // nil unless Consul has answered 200
}

type rawBodyKey struct{}

// asked is ctx for the request whose answer's body b is to be.
func (b *rawBody) asked(ctx context.Context) context.Context {
	return context.WithValue(ctx, rawBodyKey{}, b)
}

// rawBodies keeps the bodies that are asked for raw.
type rawBodies struct {
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t rawBodies) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	raw, asked := r.Context().Value(rawBodyKey{}).(*rawBody)
	if err != nil || !asked || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	defer resp.Body.Close()
	into := bytes.NewBuffer(make([]byte, 0, raw.room))
	if _, err := into.ReadFrom(resp.Body); err != nil {
		return nil, err
	}
	raw.bytes = into.Bytes()
	resp.Body = io.NopCloser(strings.NewReader("[]"))
	return resp, nil
}
