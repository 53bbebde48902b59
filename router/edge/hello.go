package edge

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// MaxHello bounds what is read of a connection to find its ClientHello, in
// bytes. Hellos with post-quantum key shares have about 2 kB.
const MaxHello = 32 << 10

// ErrLongHello says that MaxHello bytes held no whole ClientHello.
var ErrLongHello = fmt.Errorf("the ClientHello is longer than %d bytes", MaxHello)

// Hello is what a TLS client says of itself before anything is encrypted.
type Hello struct {
	TLS        bool     // whether there was a ClientHello that could be read
	ServerName string   // in lower case; empty for none (RFC 6066, section 3)
	Protocols  []string // those of ALPN, in the client's order (RFC 7301)
}

// Peek reads c's ClientHello within the given time and leaves it to be read
// again from the connection that it answers. A connection that speaks no TLS,
// or broken TLS, is no error: its Hello has TLS false, and whoever reads it
// next can refuse it in its own words. Errors are those of reading: the peer
// has gone, the time has passed, or ErrLongHello. Peek never closes c.
func Peek(c net.Conn, within time.Duration) (*Peeked, error) {
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, fmt.Errorf("limit the time for the ClientHello: %w", err)
	}
	ahead := &recorder{Conn: c}
	hello := readHello(ahead)
	if ahead.failed != nil && !hello.TLS {
		return nil, fmt.Errorf("read the ClientHello: %w", ahead.failed)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("lift the time limit of the ClientHello: %w", err)
	}
	return &Peeked{Conn: c, Hello: hello, ahead: ahead.read}, nil
}

// errEnough ends the handshake that was begun only for the hello.
var errEnough = errors.New("the hello is known")

// readHello lets crypto/tls begin a handshake and stops it after the hello.
func readHello(c net.Conn) Hello {
	var hello Hello
	config := &tls.Config{GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
		hello = Hello{TLS: true, ServerName: strings.ToLower(i.ServerName), Protocols: i.SupportedProtos}
		return nil, errEnough
	}}
	_ = tls.Server(c, config).Handshake() // it always fails; hello tells how far it came
	return hello
}

// recorder keeps what is read through it, up to MaxHello bytes, and sends
// nothing.
type recorder struct {
	net.Conn
	read   []byte
	failed error
}

func (r *recorder) Read(b []byte) (int, error) {
	room := MaxHello - len(r.read)
	if room == 0 {
		r.failed = ErrLongHello
		return 0, r.failed
	}
	n, err := r.Conn.Read(b[:min(len(b), room)])
	r.read = append(r.read, b[:n]...)
	r.failed = err
	return n, err
}

func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }
