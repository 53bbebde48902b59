package docker

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/docker/client"
)

// Each connection over SSH is a process and a handshake: more of them are kept,
// and longer, than the SDK keeps.
const (
	sshIdle        = 8
	sshIdleTimeout = 2 * time.Minute
)

// sshOptions reach an engine by ssh(1), with the keys, agent and configuration of
// whoever runs Teal, and by the `docker system dial-stdio` of its host.
func sshOptions(endpoint string) ([]client.Opt, error) {
	helper, err := connhelper.GetConnectionHelper(endpoint)
	if err != nil {
		return nil, err
	}
	return []client.Opt{
		client.WithHTTPClient(&http.Client{
			CheckRedirect: client.CheckRedirect,
			Transport:     &http.Transport{MaxIdleConns: sshIdle, MaxIdleConnsPerHost: sshIdle, IdleConnTimeout: sshIdleTimeout},
		}),
		client.WithHost(helper.Host),
		client.WithDialContext((&sshLogins{turns: make(chan struct{}, maxLogins), dial: helper.Dialer}).begin), // after the host, which sets its own
	}, nil
}

// How many logins may be under way at a host, which drops those that are too many
// (MaxStartups of its sshd, 10 as it comes); and how long one counts as that which
// nothing has been heard of.
const (
	maxLogins = 4
	loginTime = 3 * time.Second
)

// sshLogins are the logins of one host.
type sshLogins struct {
	turns chan struct{}
	dial  func(ctx context.Context, network, addr string) (net.Conn, error)
}

// begin begins a login, when it is its turn.
func (l *sshLogins) begin(ctx context.Context, network, addr string) (net.Conn, error) {
	select {
	case l.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	over := sync.OnceFunc(func() { <-l.turns })
	conn, err := l.dial(ctx, network, addr)
	if err != nil {
		over()
		return nil, err
	}
	time.AfterFunc(loginTime, over)
	return newSSHConn(conn, over), nil
}

// sshConn is a connection by a process that may end at once, as where the login is
// refused. Who writes then learns no more than that nobody reads; the reason is what
// the process said, which comes to who reads.
type sshConn struct {
	net.Conn
	once  sync.Once
	ended chan struct{} // closed when reading has failed
	why   error         // that it failed with
	heard func()        // is called when there is something to read, or never will be
}

func newSSHConn(conn net.Conn, heard func()) *sshConn {
	return &sshConn{Conn: conn, ended: make(chan struct{}), heard: heard}
}

// lastWords is how long the reason of a process that has ended may take to be read.
const lastWords = time.Second

func (c *sshConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.heard()
	if err != nil && !errors.Is(err, os.ErrClosed) { // which only tells that another reader was told why
		c.once.Do(func() {
			c.why = err
			close(c.ended)
		})
	}
	return n, err
}

func (c *sshConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err == nil {
		return n, nil
	}
	if errors.Is(err, syscall.EPIPE) {
		go func() { _, _ = c.Read(make([]byte, 1)) }() // perhaps nobody reads yet
	}
	select {
	case <-c.ended:
		if !errors.Is(c.why, io.EOF) {
			err = c.why
		}
	case <-time.After(lastWords):
	}
	return n, err
}

// CloseWrite ends what is written, for connections that are taken over whole.
func (c *sshConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
