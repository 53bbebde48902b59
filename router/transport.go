package router

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"teal/catalog"
)

// The limits of connections to instances.
const (
	idlePerHost = 1024 // what a burst leaves behind, idleTimeout takes away
	// idleTimeout is less than the 5 s after which common servers close an idle
	// connection, so that a request does not meet that close.
	idleTimeout = 4 * time.Second
	keepAlive   = 30 * time.Second

	// pingAfter is how long a connection of HTTP/2 may be silent before it is asked
	// for a sign of life, and pingTimeout how long that may take. All requests share
	// the connection: else they would go on waiting on one that leads nowhere.
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second
)

// transports are the connections to instances, by the protocol they speak.
type transports struct {
	plain *http.Transport // HTTP/1.1
	h2c   *http.Transport // HTTP/2 without TLS, for gRPC too
	tls   *http.Transport // HTTP/1.1 or HTTP/2, as the instance likes
}

func newTransports() *transports {
	return &transports{plain: newTransport(plain), h2c: newTransport(prior), tls: newTransport(encrypted)}
}

// The protocols of each transport.
func plain(p *http.Protocols)     { p.SetHTTP1(true) }
func prior(p *http.Protocols)     { p.SetUnencryptedHTTP2(true) }
func encrypted(p *http.Protocols) { p.SetHTTP1(true); p.SetHTTP2(true) }

func newTransport(speak func(*http.Protocols)) *http.Transport {
	t := &http.Transport{
		DialContext: dial, DialTLSContext: dialTLS,
		DisableCompression:  true,
		MaxIdleConnsPerHost: idlePerHost, IdleConnTimeout: idleTimeout,
		Protocols: new(http.Protocols),
		HTTP2:     &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
	speak(t.Protocols)
	return t
}

// of is the transport of a protocol. What nobody has heard of is HTTP/1.1, as
// users may call the protocol of a web service as they like.
func (t *transports) of(protocol string) *http.Transport {
	switch protocol {
	case catalog.ProtocolH2C, catalog.ProtocolGRPC:
		return t.h2c
	case catalog.ProtocolHTTPS:
		return t.tls
	}
	return t.plain
}

func (t *transports) close() {
	for _, one := range []*http.Transport{t.plain, t.h2c, t.tls} {
		one.CloseIdleConnections()
	}
}

// dial connects to an instance in the time its service gives it.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	timeout := DefaultConnectTimeout
	if f, ok := ctx.Value(flightKey{}).(*flight); ok {
		timeout = f.policy.connect
	}
	return (&net.Dialer{Timeout: timeout, KeepAlive: keepAlive}).DialContext(ctx, network, address)
}

// dialTLS connects and has the instance prove who it is. A failed handshake is a
// failed dial: nothing of the request was sent.
func dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	f, ok := ctx.Value(flightKey{}).(*flight)
	if !ok {
		return nil, fmt.Errorf("dial %s: no request goes there", address)
	}
	ctx, cancel := context.WithTimeout(ctx, f.policy.connect)
	defer cancel()
	secure := tls.Client(conn, f.policy.clientTLS(f.service, f.upgrades))
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Addr: conn.RemoteAddr(), Err: err}
	}
	return secure, nil
}

// clientTLS is how an instance of a service is to prove who it is. A connection
// that a WebSocket is asked for on can't be one of HTTP/2; the transport keeps
// those apart.
func (p *policy) clientTLS(service string, upgrades bool) *tls.Config {
	c := &tls.Config{ServerName: service, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
	if upgrades {
		c.NextProtos = []string{"http/1.1"}
	}
	if t := p.tls; t != nil {
		if t.serverName != "" {
			c.ServerName = t.serverName
		}
		c.RootCAs, c.InsecureSkipVerify = t.roots, t.skipVerify // the service's own wish
	}
	return c
}
