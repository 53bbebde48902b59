//go:build integration

package integration

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// wireTimeout is how long a request of a wire may take, until its answer has been
// read to the end.
const wireTimeout = 15 * time.Second

// wire is one connection to a router and its one request at a time. It does what
// a client does that never tries again: what net/http would repeat by itself is
// an error here.
type wire struct {
	conn   net.Conn
	reader *bufio.Reader
}

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	last   bool // the router asked for a new connection
}

func dialWire(ctx context.Context, addr string) (*wire, error) {
	dialer := &net.Dialer{Timeout: wireTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &wire{conn, bufio.NewReader(conn)}, nil
}

// ask sends a request without a body to a service and reads its answer.
func (w *wire) ask(method, service string) (reply, error) {
	_ = w.conn.SetDeadline(time.Now().Add(wireTimeout)) // a failure is the next call's too
	req := &http.Request{Method: method, ProtoMajor: 1, ProtoMinor: 1}
	if _, err := fmt.Fprintf(w.conn, "%s / HTTP/1.1\r\nHost: %s.localhost\r\n\r\n", method, service); err != nil {
		return reply{}, fmt.Errorf("send the request: %w", err)
	}
	resp, err := http.ReadResponse(w.reader, req)
	if err != nil {
		return reply{}, fmt.Errorf("read the answer's head: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, fmt.Errorf("read the answer's body: %w", err)
	}
	return reply{resp.StatusCode, resp.Header, string(body), resp.Close}, nil
}

func (w *wire) close() { _ = w.conn.Close() }
