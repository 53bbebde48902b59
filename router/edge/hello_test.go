package edge_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"os"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/router/edge"
)

// helloOf is the bytes a TLS client sends first.
func helloOf(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		_ = tls.Client(server, config).Handshake()
		_ = server.Close()
	}()
	hello := make([]byte, 16<<10)
	n, err := client.Read(hello)
	require.NoError(t, err)
	return hello[:n]
}

func TestPeekLeavesEverythingToBeRead(t *testing.T) {
	sent := append(helloOf(t, &tls.Config{ServerName: "DB.example", NextProtos: []string{"postgresql", "h2"}}), "and more"...)
	client, server := pair(t)
	go func() {
		for _, b := range sent { // as slowly as can be
			_, _ = client.Write([]byte{b})
		}
		_ = client.CloseWrite()
	}()
	peeked, err := edge.Peek(server, patience)
	require.NoError(t, err)
	require.Equal(t, edge.Hello{TLS: true, ServerName: "db.example", Protocols: []string{"postgresql", "h2"}}, peeked.Hello)
	got, err := io.ReadAll(peeked)
	require.NoError(t, err)
	require.Equal(t, sent, got)
}

func TestPeekOfOtherThings(t *testing.T) {
	for name, sent := range map[string][]byte{
		"plain HTTP":     []byte("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n"),
		"a broken hello": append([]byte{22, 3, 1, 0, 8, 1, 0, 0, 4}, 9, 9, 9, 9),
	} {
		t.Run(name, func(t *testing.T) {
			client, server := pair(t)
			_, err := client.Write(sent)
			require.NoError(t, err)
			peeked, err := edge.Peek(server, patience)
			require.NoError(t, err)
			require.Equal(t, edge.Hello{}, peeked.Hello)
			require.NoError(t, client.CloseWrite())
			got, err := io.ReadAll(peeked)
			require.NoError(t, err)
			require.Equal(t, sent, got)
		})
	}
	t.Run("silence", func(t *testing.T) {
		_, server := pair(t)
		_, err := edge.Peek(server, time.Millisecond)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	})
	t.Run("an early end", func(t *testing.T) {
		client, server := pair(t)
		_, err := client.Write(helloOf(t, &tls.Config{ServerName: "db.example"})[:50])
		require.NoError(t, err)
		require.NoError(t, client.Close())
		_, err = edge.Peek(server, patience)
		require.ErrorIs(t, err, io.EOF)
	})
	t.Run("no end", func(t *testing.T) {
		client, server := pair(t)
		record := append([]byte{22, 3, 1, 0x40, 0}, make([]byte, 0x4000)...)
		copy(record[5:], []byte{1, 0, 0xff, 0xff}) // a hello of 64 kB
		go func() {
			for range 5 {
				_, _ = client.Write(record)
			}
		}()
		_, err := edge.Peek(server, patience)
		require.ErrorIs(t, err, edge.ErrLongHello)
	})
}

func TestAPeekedConnectionIsSplicedAndClosedByHalf(t *testing.T) {
	hello := helloOf(t, &tls.Config{ServerName: "db.example"})
	client, server := pair(t)
	near, far := pair(t) // far stands for the service
	_, err := client.Write(hello)
	require.NoError(t, err)
	peeked, err := edge.Peek(server, patience)
	require.NoError(t, err)

	var source readerFrom
	_, err = client.Write([]byte("rest"))
	require.NoError(t, err)
	require.NoError(t, client.CloseWrite())
	n, err := io.Copy(&source, peeked)
	require.NoError(t, err)
	require.Equal(t, int64(len(hello)+4), n)
	require.Equal(t, append(hello, "rest"...), source.got.Bytes())
	require.True(t, source.spliceable, "the rest must be read from the TCP connection itself")

	_, err = far.Write([]byte("answer"))
	require.NoError(t, err)
	require.NoError(t, far.Close())
	_, err = io.Copy(peeked, near)
	require.NoError(t, err)
	require.NoError(t, peeked.CloseWrite())
	answer, err := io.ReadAll(client)
	require.NoError(t, err)
	require.Equal(t, "answer", string(answer))
}

// readerFrom is a destination like *net.TCPConn, and sees whether it could have
// spliced.
type readerFrom struct {
	got        bytes.Buffer
	spliceable bool
}

func (r *readerFrom) Write(b []byte) (int, error) { return r.got.Write(b) }

func (r *readerFrom) ReadFrom(from io.Reader) (int64, error) {
	_, r.spliceable = from.(interface{ SetNoDelay(bool) error }) // a *net.TCPConn, dressed by net
	return r.got.ReadFrom(from)
}

func FuzzPeek(f *testing.F) {
	f.Add(helloOf(f, &tls.Config{ServerName: "db.example", NextProtos: []string{"h2"}}))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, sent []byte) {
		peeked, err := edge.Peek(&canned{Reader: iotest.HalfReader(bytes.NewReader(sent))}, time.Second)
		if err != nil {
			return
		}
		if got, err := io.ReadAll(peeked); err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("%x came out as %x: %v", sent, got, err)
		}
	})
}

// canned is a connection that has sent all it will.
type canned struct {
	net.Conn
	io.Reader
}

func (c *canned) Read(b []byte) (int, error)      { return c.Reader.Read(b) }
func (c *canned) SetReadDeadline(time.Time) error { return nil }
