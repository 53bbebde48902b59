package router

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"teal/router/stream"
)

// follow notes an answer that may have no end, so that it is ended politely when
// its target is no longer live or the router ends. The function it answers takes
// it off again.
func (f *flight) follow(res *http.Response) (forget func()) {
	if res.StatusCode == http.StatusSwitchingProtocols {
		return f.followSocket(res)
	}
	kind := stream.KindOf(res.Header)
	if kind == stream.Bytes {
		return func() {} // a download is let finish
	}
	body := stream.NewBody(res.Body, kind, func() { f.cancel(stream.ErrLeft) }, 0, stream.Clock{})
	res.Body = body
	if kind == stream.Messages {
		res.Body = &call{Body: body, answer: res}
	}
	return f.claim.pool.tally.streams.Add(body)
}

// call is the body of a gRPC answer. Where it is asked to leave, its trailers say
// that the service is unavailable, upon which clients call again (status 14 of the
// gRPC status codes).
type call struct {
	*stream.Body
	answer *http.Response
}

// Read implements io.Reader.
func (c *call) Read(p []byte) (int, error) {
	n, err := c.Body.Read(p)
	if errors.Is(err, io.EOF) && c.Left() {
		c.answer.Trailer = http.Header{"Grpc-Status": {"14"}, "Grpc-Message": {"the release that answered is no longer live"}}
	}
	return n, err
}

func (f *flight) followSocket(res *http.Response) (forget func()) {
	conn, ok := res.Body.(io.ReadWriteCloser)
	if !ok || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") {
		return func() {}
	}
	socket := stream.NewSocket(conn, 0, stream.Clock{})
	res.Body = socket
	return f.claim.pool.tally.streams.Add(socket)
}
