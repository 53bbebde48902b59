package edge_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/integration/certtest"
	"teal/router/edge"
)

// splitting runs a Split; stop ends it and answers what Run did.
func splitting(t *testing.T, change func(*edge.SplitOptions)) (s *edge.Split, base net.Listener, stop func() error) {
	t.Helper()
	base = listen(t)
	o := edge.SplitOptions{
		From:   base,
		Claims: func(h edge.Hello) bool { return strings.HasPrefix(h.ServerName, "db.") },
		Logger: hclog.NewNullLogger(),
	}
	if change != nil {
		change(&o)
	}
	s = edge.NewSplit(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = func() error {
		cancel()
		return <-done
	}
	return s, base, stop
}

func TestSplitByServerName(t *testing.T) {
	ca := certtest.New(t)
	s, base, stop := splitting(t, nil)
	polite := edge.NewPolite(s.HTTPS())
	serveHTTPS(t, ca, polite)

	hello := helloOf(t, &tls.Config{ServerName: "db.example"})
	service := dial(t, base)
	_, err := service.Write(hello)
	require.NoError(t, err)
	in := accept(t, s.Services())
	require.Equal(t, "db.example", in.(*edge.Peeked).Hello.ServerName)
	got := make([]byte, len(hello))
	_, err = io.ReadFull(in, got)
	require.NoError(t, err)
	require.Equal(t, hello, got)

	require.Equal(t, "HTTP/2.0 shop.example", get(t, ca, base))

	plain := dial(t, base)
	_, err = fmt.Fprint(plain, "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
	require.NoError(t, err)
	answer, err := io.ReadAll(plain)
	require.NoError(t, err)
	require.Contains(t, string(answer), "400 Bad Request")
	require.NoError(t, stop())
	require.NoError(t, polite.Stop(t.Context()), "HTTP/2 counts as heard")
}

// serveHTTPS answers every request with its protocol and host.
func serveHTTPS(t *testing.T, ca *certtest.Authority, l *edge.Polite) {
	t.Helper()
	cert := ca.Issue(time.Hour, "shop.example").TLS(t)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, r.Proto, " ", r.Host)
		}),
		ConnState: l.ConnState,
		ErrorLog:  hclog.NewNullLogger().StandardLogger(nil),
	}
	done := make(chan error, 1)
	go func() {
		done <- server.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}))
	}()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
}

func get(t *testing.T, ca *certtest.Authority, to net.Listener) string {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: ca.Pool()},
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, to.Addr().String())
		},
	}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport, Timeout: patience}).Get("https://shop.example/")
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(body)
}

func TestTheSilentDisplaceOnlyThemselves(t *testing.T) {
	s, base, stop := splitting(t, func(o *edge.SplitOptions) { o.Waiting, o.HelloTimeout = 2, time.Minute })
	first, second, third := dial(t, base), dial(t, base), dial(t, base)
	closed(t, first)
	speaks := dial(t, base)
	_, err := speaks.Write(helloOf(t, &tls.Config{ServerName: "shop.example"}))
	require.NoError(t, err)
	closed(t, second)
	require.Equal(t, "shop.example", accept(t, s.HTTPS()).(*edge.Peeked).Hello.ServerName)
	require.NoError(t, third.Close())
	require.NoError(t, stop())
}

func TestTheSilentAreClosedInTime(t *testing.T) {
	_, base, stop := splitting(t, func(o *edge.SplitOptions) { o.HelloTimeout = time.Millisecond })
	closed(t, dial(t, base))
	require.NoError(t, stop())
}

func TestWhoIsInWhenASplitEndsIsServed(t *testing.T) {
	s, base, stop := splitting(t, nil)
	in, other := dial(t, base), dial(t, base)
	hello := helloOf(t, &tls.Config{ServerName: "shop.example"})
	_, err := other.Write(hello) // shows that both were accepted, as it came second
	require.NoError(t, err)
	accept(t, s.HTTPS())
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", base.Addr().String())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, patience, time.Millisecond, "the port closes")
	_, err = in.Write(hello)
	require.NoError(t, err)
	accept(t, s.HTTPS())
	require.NoError(t, <-ended)
	_, err = s.HTTPS().Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestASplitWhoseListenerFails(t *testing.T) {
	base := listen(t)
	s := edge.NewSplit(edge.SplitOptions{From: base, Logger: hclog.NewNullLogger()})
	require.NoError(t, base.Close())
	require.ErrorIs(t, s.Run(t.Context()), net.ErrClosed)
	_, err := s.Services().Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}
