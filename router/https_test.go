package router_test

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/integration/certtest"
	"teal/router"
	"teal/router/edge"
)

// house is a router with HTTPS, whose folder of certificates has web.
type house struct {
	*whole
	authority *certtest.Authority
	folder    string
	https     string // host:port
}

// newHouse starts a router with a certificate for *.proxy.example, which asks
// clients for theirs as auth says.
func newHouse(t *testing.T, auth edge.ClientAuth, from []netip.Prefix, services ...*catalog.Service) *house {
	t.Helper()
	h := &house{authority: certtest.New(t), folder: t.TempDir()}
	h.renew(t)
	certificates, err := edge.LoadCertificates(edge.CertificateOptions{
		Folder: h.folder, ClientAuth: auth, ClientCA: certtest.Write(t, h.authority.PEM(), t.TempDir(), "ca.pem"),
		ReadEvery: 20 * time.Millisecond, Logger: hclog.NewNullLogger(),
	})
	require.NoError(t, err)
	listeners := &router.Listeners{ProxyHeaders: edge.ProxyHeaders{From: from}}
	l, err := listeners.Clients(t.Context(), "https", "127.0.0.1:0")
	require.NoError(t, err)
	h.https = l.Addr().String()
	h.whole = startWholeWith(t, func(life *router.Lifecycle) {
		require.NoError(t, life.Proxy.Close())
		life.Proxy, err = listeners.Clients(t.Context(), "proxy", life.Proxy.Addr().String())
		require.NoError(t, err)
		life.HTTPS = &router.HTTPS{Listener: l, Certificates: certificates}
	}, services...)
	return h
}

// sends presents the first certificate, if any, whoever signed it: by themselves
// clients keep back what the server says it does not know.
func sends(certs []tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if len(certs) == 0 {
			return &tls.Certificate{}, nil
		}
		return &certs[0], nil
	}
}

// renew writes a new certificate of web into the folder.
func (h *house) renew(t *testing.T) {
	t.Helper()
	pair := h.authority.IssueTo(pkix.Name{CommonName: "web"}, time.Hour, "*.proxy.example")
	certtest.Write(t, pair.Cert, h.folder, "web.crt")
	certtest.Write(t, pair.Key, h.folder, "web.key")
}

// client is one that comes over TLS, with a protocol, to the listener.
func (h *house) client(protocol string, certs ...tls.Certificate) *http.Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, h.https)
		},
		TLSClientConfig: &tls.Config{RootCAs: h.authority.Pool(), GetClientCertificate: sends(certs)},
		Protocols:       new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(protocol == "HTTP/1.1")
	transport.Protocols.SetHTTP2(protocol == "HTTP/2.0")
	h.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: within}
}

// headersOf has an instance answer with some of the headers that it got.
func headersOf(names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, name := range names {
			_, _ = fmt.Fprintf(w, "%s=%s\n", name, strings.Join(r.Header.Values(name), "|"))
		}
	}
}

const secureWeb = "https://web.proxy.example/"

func TestHTTPS(t *testing.T) {
	const subject = "X-Forwarded-Client-Cert-Subject"
	up := serveUpstream(t, headersOf("X-Forwarded-Proto", subject))
	h := newHouse(t, edge.ClientAuthRequest, nil, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b1")))
	known := h.authority.IssueTo(pkix.Name{CommonName: "bob", Organization: []string{"Möbel, Söhne"}}, time.Hour).TLS(t)
	stranger := certtest.New(t).IssueTo(pkix.Name{CommonName: "mallory"}, time.Hour).TLS(t)
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			ask := func(certs ...tls.Certificate) (*http.Response, string, error) {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, secureWeb, nil)
				require.NoError(t, err)
				req.Header.Set(subject, "CN=root")
				req.Header["X_Forwarded_Client_Cert_Subject"] = []string{"CN=root"}
				res, err := h.client(protocol, certs...).Do(req)
				if err != nil {
					return nil, "", err
				}
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				return res, string(body), err
			}
			res, body, err := ask()
			require.NoError(t, err)
			require.Equal(t, protocol, res.Proto)
			require.Equal(t, "X-Forwarded-Proto=https\n"+subject+"=\n", body, "nobody says who he is without a certificate")
			_, body, err = ask(known)
			require.NoError(t, err)
			require.Contains(t, body, subject+`=CN=bob,O=M\C3\B6bel\, S\C3\B6hne`+"\n")
			_, _, err = ask(stranger)
			require.Error(t, err)
		})
	}
}

func TestHTTPSTakesNewCertificatesWhileItServes(t *testing.T) {
	h := newHouse(t, edge.ClientAuthNone, nil, web(catalog.PointTo(bluePro), instanceAt(t, upstream(t, "blue").URL, bluePro, "b1")))
	serial := func(client *http.Client) string {
		res, err := client.Get(secureWeb)
		require.NoError(t, err)
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		return res.TLS.PeerCertificates[0].SerialNumber.String()
	}
	keeper := h.client("HTTP/2.0")
	first := serial(keeper)
	_, metrics := h.ask(h.admin+"/metrics", "admin")
	require.Contains(t, metrics, `teal_certificate_expires_timestamp_seconds{pair="web"} 1.`)
	h.renew(t)
	require.Eventually(t, func() bool { return serial(h.client("HTTP/1.1")) != first }, within, 10*time.Millisecond)
	require.Equal(t, first, serial(keeper), "connections that are there stay")
}

// prior is a client of HTTP/2 without TLS.
func prior(t *testing.T) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: within}
}

// TestGRPCWithoutTLS sends what gRPC does: a stream each way at the same time,
// and a status in the trailer.
func TestGRPCWithoutTLS(t *testing.T) {
	instance := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		line := make([]byte, 5)
		for {
			if _, err := io.ReadFull(r.Body, line); err != nil {
				break
			}
			_, _ = w.Write(line)
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("Grpc-Status", fmt.Sprint(r.ProtoMajor, r.Header.Get("Te")))
	}))
	instance.Config.Protocols = new(http.Protocols)
	instance.Config.Protocols.SetUnencryptedHTTP2(true)
	instance.Start()
	t.Cleanup(instance.Close)
	entry := instanceAt(t, instance.URL, bluePro, "b1")
	entry.Protocol = catalog.ProtocolGRPC
	w := startWhole(t, 0, web(catalog.PointTo(bluePro), entry))

	body, stream := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.addr+"/pkg.Service/Method", body)
	require.NoError(t, err)
	req.Host = "web.proxy.example"
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	go func() { _, _ = io.WriteString(stream, "first") }()
	res, err := prior(t).Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, "HTTP/2.0", res.Proto)
	line := make([]byte, 5)
	_, err = io.ReadFull(res.Body, line)
	require.NoError(t, err)
	require.Equal(t, "first", string(line), "the answer begins while the request goes on")
	_, err = io.WriteString(stream, "again")
	require.NoError(t, err)
	require.NoError(t, stream.Close())
	rest, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "again", string(rest))
	require.Equal(t, "2trailers", res.Trailer.Get("Grpc-Status"))
}

func TestPROXYProtocol(t *testing.T) {
	const line = "PROXY TCP4 203.0.113.7 192.0.2.1 5000 80\r\n"
	up := serveUpstream(t, headersOf("X-Forwarded-For", "X-Forwarded-Proto"))
	service := web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b1"))
	ask := func(conn io.ReadWriter) string {
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: web.proxy.example\r\nConnection: close\r\n\r\n")
		require.NoError(t, err)
		answer, _ := io.ReadAll(conn)
		return string(answer)
	}
	dial := func(address, first string) net.Conn {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(within)))
		_, err = io.WriteString(conn, first)
		require.NoError(t, err)
		return conn
	}
	t.Run("listed", func(t *testing.T) {
		h := newHouse(t, edge.ClientAuthNone, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, service)
		require.Contains(t, ask(dial(h.addr, line)), "X-Forwarded-For=203.0.113.7\nX-Forwarded-Proto=http\n")
		secure := tls.Client(dial(h.https, line), &tls.Config{RootCAs: h.authority.Pool(), ServerName: "web.proxy.example"})
		require.Contains(t, ask(secure), "X-Forwarded-For=203.0.113.7\nX-Forwarded-Proto=https\n")
		require.NotContains(t, ask(dial(h.addr, "")), "200 OK", "a balancer that is listed must say who asks")
	})
	t.Run("unlisted", func(t *testing.T) {
		h := newHouse(t, edge.ClientAuthNone, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, service)
		require.Contains(t, ask(dial(h.addr, "")), "X-Forwarded-For=127.0.0.1\n")
		require.Contains(t, ask(dial(h.addr, line)), "400 Bad Request")
	})
}

// TestTLSNamesPassThrough has a TCP service answer in its own TLS at the port of
// HTTPS.
func TestTLSNamesPassThrough(t *testing.T) {
	own := certtest.New(t)
	pair := own.Issue(time.Hour, "db.example.com").TLS(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}
	}()
	service := web(catalog.PointTo(bluePro), instanceAt(t, l.Addr().String(), bluePro, "b1"))
	service.Config.TCP = []catalog.TCPRoute{{SNI: "db.example.com", Alias: "production"}}
	h := newHouse(t, edge.ClientAuthNone, nil, service)

	conn, err := tls.Dial("tcp", h.https, &tls.Config{RootCAs: own.Pool(), ServerName: "db.example.com"})
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(within)))
	_, err = io.WriteString(conn, "SELECT 1")
	require.NoError(t, err)
	require.NoError(t, conn.CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "SELECT 1", string(answer))

	res, err := h.client("HTTP/1.1").Get("https://nobody.proxy.example/")
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusNotFound, res.StatusCode, "the other names are HTTPS")
}

// TestClientsMoveBeforeTheEnd has clients that keep their connections told so.
func TestClientsMoveBeforeTheEnd(t *testing.T) {
	w := startWhole(t, time.Hour, web(catalog.PointTo(bluePro), instanceAt(t, upstream(t, "blue").URL, bluePro, "b1")))
	ask := func(client *http.Client) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.addr+"/", nil)
		require.NoError(t, err)
		req.Host = "web.proxy.example"
		res, err := client.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		return res
	}
	keeper := &http.Client{Transport: &http.Transport{}}
	require.False(t, ask(keeper).Close)
	w.stop()
	require.Eventually(t, func() bool { return w.ready() == http.StatusServiceUnavailable }, within, time.Millisecond)
	require.True(t, ask(keeper).Close)
	require.False(t, ask(prior(t)).Close, "HTTP/2 connections stay until the listener closes")
}
