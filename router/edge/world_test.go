package edge_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/router/edge"
)

// patience is how long tests wait for what is to happen.
const patience = 20 * time.Second

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := edge.Listen(t.Context(), "127.0.0.1:0", false)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func dial(t *testing.T, l net.Listener) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	return c.(*net.TCPConn)
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// pair is the two ends of a TCP connection.
func pair(t *testing.T) (client *net.TCPConn, server net.Conn) {
	t.Helper()
	l := listen(t)
	client = dial(t, l)
	return client, accept(t, l)
}

// closed waits until the other end has closed a connection.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, c)
	if ne, ok := err.(net.Error); ok {
		require.False(t, ne.Timeout(), "the connection is still open")
	}
}
