package edge_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/stretchr/testify/require"

	"teal/router/edge"
)

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

// header is a PROXY header of a version that tells of a client.
func header(t *testing.T, version byte, client net.Addr) []byte {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(version, client, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443})
	text, err := h.Format()
	require.NoError(t, err)
	return text
}

func TestProxyHeaders(t *testing.T) {
	client := &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 4711}
	local := []byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00") // a balancer's own check (section 2.2)
	nobody := []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	for name, c := range map[string]struct {
		headers edge.ProxyHeaders
		sent    []byte
		want    string // the client's address; empty for the peer's
		body    string
		refused bool
	}{
		"version 1":            {headers: edge.ProxyHeaders{From: loopback()}, sent: header(t, 1, client), want: client.String(), body: "hello"},
		"version 2":            {headers: edge.ProxyHeaders{From: loopback()}, sent: header(t, 2, client), want: client.String(), body: "hello"},
		"a check":              {headers: edge.ProxyHeaders{From: loopback()}, sent: local, body: "hello"},
		"none":                 {headers: edge.ProxyHeaders{From: loopback()}, refused: true},
		"none, by choice":      {headers: edge.ProxyHeaders{From: loopback(), Optional: true}, body: "hello"},
		"broken":               {headers: edge.ProxyHeaders{From: loopback(), Optional: true}, sent: []byte("PROXY TCP4 x y 1 2\r\n"), refused: true},
		"of an unlisted peer":  {headers: edge.ProxyHeaders{From: nobody}, sent: header(t, 1, client), body: string(header(t, 1, client)) + "hello"},
		"with nobody listed":   {sent: header(t, 1, client), body: string(header(t, 1, client)) + "hello"},
		"of a client over UDP": {headers: edge.ProxyHeaders{From: loopback()}, sent: udpHeader(t), refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			base := listen(t)
			l := c.headers.Listener(base)
			out := dial(t, base)
			_, err := out.Write(append(bytes.Clone(c.sent), "hello"...))
			require.NoError(t, err)
			require.NoError(t, out.CloseWrite())
			in := accept(t, l)
			body, err := io.ReadAll(in)
			require.Equal(t, c.refused, err != nil, "%v", err)
			if c.want == "" {
				c.want = out.LocalAddr().String()
			}
			require.Equal(t, c.want, in.RemoteAddr().String())
			require.Equal(t, c.body, string(body))
		})
	}
}

func udpHeader(t *testing.T) []byte {
	t.Helper()
	addr := &net.UDPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 53}
	text, err := proxyproto.HeaderProxyFromAddrs(2, addr, addr).Format()
	require.NoError(t, err)
	return text
}

func TestUnlistedPeersComeOutUnwrapped(t *testing.T) {
	base := listen(t)
	l := edge.ProxyHeaders{From: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}.Listener(base)
	dial(t, base)
	require.IsType(t, &net.TCPConn{}, accept(t, l))
}

func TestASilentBalancerIsGivenUp(t *testing.T) {
	base := listen(t)
	l := edge.ProxyHeaders{From: loopback(), Timeout: time.Millisecond}.Listener(base)
	dial(t, base)
	_, err := accept(t, l).Read(make([]byte, 1))
	require.ErrorIs(t, err, proxyproto.ErrNoProxyProtocol)
}

func TestAHelloBehindAProxyHeader(t *testing.T) {
	client := &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 4711}
	base := listen(t)
	out := dial(t, base)
	hello := helloOf(t, &tls.Config{ServerName: "db.example"})
	_, err := out.Write(append(header(t, 2, client), hello...))
	require.NoError(t, err)
	peeked, err := edge.Peek(accept(t, edge.ProxyHeaders{From: loopback()}.Listener(base)), patience)
	require.NoError(t, err)
	require.Equal(t, "db.example", peeked.Hello.ServerName)
	require.Equal(t, client.String(), peeked.RemoteAddr().String())

	_, err = out.Write([]byte("rest"))
	require.NoError(t, err)
	require.NoError(t, out.CloseWrite())
	var sink readerFrom
	_, err = io.Copy(&sink, peeked)
	require.NoError(t, err)
	require.True(t, sink.spliceable)
	require.Equal(t, append(hello, "rest"...), sink.got.Bytes())
	require.NoError(t, peeked.CloseWrite())
	closed(t, out)
}

func TestCloseWriteOfWhatCannot(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	require.Error(t, edge.CloseWrite(a))
}
