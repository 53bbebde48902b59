package edge_test

import (
	"crypto/tls"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/integration/certtest"
	"teal/router/edge"
)

func TestParseClientAuth(t *testing.T) {
	for text, want := range map[string]edge.ClientAuth{
		"": edge.ClientAuthNone, "none": edge.ClientAuthNone, "request": edge.ClientAuthRequest, "require": edge.ClientAuthRequire,
	} {
		got, err := edge.ParseClientAuth(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := edge.ParseClientAuth("always")
	require.ErrorContains(t, err, "always")
}

// greets tells whether a TLS server and a client say hello to each other, and the
// client's state.
func greets(t *testing.T, config, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		conn, err := tls.NewListener(l, config).Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte("x")) // the handshake and the tickets go first
		_ = conn.Close()
	}()
	conn, err := tls.Dial("tcp", l.Addr().String(), client)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	_, err = conn.Read(make([]byte, 1))
	return conn.ConnectionState(), err
}

func TestClientCertificates(t *testing.T) {
	ca, others, dir := certtest.New(t), certtest.New(t), t.TempDir()
	server := ca.Issue(time.Hour, "shop.example")
	certtest.Write(t, server.Cert, dir, "a.crt")
	certtest.Write(t, server.Key, dir, "a.key")
	authorities := certtest.Write(t, ca.PEM(), dir, "clients.pem")
	showing := func(certs ...tls.Certificate) *tls.Config {
		return &tls.Config{ServerName: "shop.example", RootCAs: ca.Pool(), NextProtos: []string{"h2"}, Certificates: certs}
	}
	good, bad := ca.Issue(time.Hour, "ours").TLS(t), others.Issue(time.Hour, "theirs").TLS(t)

	for name, want := range map[edge.ClientAuth]struct{ none, good, bad bool }{
		edge.ClientAuthNone:    {none: true, good: true, bad: true},
		edge.ClientAuthRequest: {none: true, good: true},
		edge.ClientAuthRequire: {good: true},
	} {
		c := load(t, edge.CertificateOptions{Folder: dir, ClientAuth: name, ClientCA: authorities})
		config := c.TLSConfig()
		state, err := greets(t, config, showing())
		require.Equal(t, want.none, err == nil, "%s: %v", name, err)
		if err == nil {
			require.Equal(t, "h2", state.NegotiatedProtocol)
		}
		_, err = greets(t, config, showing(good))
		require.Equal(t, want.good, err == nil, "%s: %v", name, err)
		// A client may choose to show none where none of its authorities is asked for.
		forced := showing()
		forced.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &bad, nil }
		_, err = greets(t, config, forced)
		require.Equal(t, want.bad, err == nil, "%s: %v", name, err)
	}
}

func TestAuthoritiesForClientsAreReadAgain(t *testing.T) {
	ca, others, dir := certtest.New(t), certtest.New(t), t.TempDir()
	server := ca.Issue(time.Hour, "shop.example")
	certtest.Write(t, server.Cert, dir, "a.crt")
	certtest.Write(t, server.Key, dir, "a.key")
	authorities := certtest.Write(t, ca.PEM(), dir, "clients.pem")
	c := load(t, edge.CertificateOptions{Folder: dir, ClientAuth: edge.ClientAuthRequire, ClientCA: authorities})
	config := c.TLSConfig()
	client := &tls.Config{
		ServerName: "shop.example", RootCAs: ca.Pool(),
		Certificates:       []tls.Certificate{ca.Issue(time.Hour, "ours").TLS(t)},
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	_, err := greets(t, config, client)
	require.NoError(t, err)

	certtest.Write(t, []byte("broken"), authorities)
	require.Error(t, c.Reload())
	_, err = greets(t, config, client)
	require.NoError(t, err, "the last good authorities stay")
	state, err := greets(t, config, client)
	require.NoError(t, err)
	require.True(t, state.DidResume)

	certtest.Write(t, others.PEM(), authorities)
	require.NoError(t, c.Reload())
	_, err = greets(t, config, client)
	require.Error(t, err, "neither a new handshake nor a resumed session gets in")
	require.NoError(t, os.Remove(authorities))
}

func TestOldTLSIsRefused(t *testing.T) {
	ca, dir := certtest.New(t), t.TempDir()
	server := ca.Issue(time.Hour, "shop.example")
	certtest.Write(t, server.Cert, dir, "a.crt")
	certtest.Write(t, server.Key, dir, "a.key")
	config := load(t, edge.CertificateOptions{Folder: dir}).TLSConfig()
	_, err := greets(t, config, &tls.Config{ServerName: "shop.example", RootCAs: ca.Pool(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	require.Error(t, err)
}
