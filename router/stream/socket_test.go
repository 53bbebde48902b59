package stream_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"teal/router/stream"
)

// patience of the tests that wait for none of it.
const long = time.Minute

// proxied is an instance behind a httputil.ReverseProxy that wraps its sockets,
// and a client's connection to it.
type proxied struct {
	client *websocket.Conn
	socket *stream.Socket
	ended  chan struct{} // the proxy's handler has returned
}

func proxy(t *testing.T, patience time.Duration, instance http.HandlerFunc) proxied {
	backend := httptest.NewServer(instance)
	t.Cleanup(backend.Close)
	target, err := url.Parse(backend.URL)
	require.NoError(t, err)
	sockets, ended := make(chan *stream.Socket, 1), make(chan struct{})
	rp := httputil.NewSingleHostReverseProxy(target)
	rp.ModifyResponse = func(res *http.Response) error {
		s := stream.NewSocket(res.Body.(io.ReadWriteCloser), patience, stream.Clock{})
		res.Body = s
		sockets <- s
		return nil
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		rp.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	client, _, err := websocket.Dial(t.Context(), front.URL, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.CloseNow() })
	return proxied{client: client, socket: <-sockets, ended: ended}
}

func (p proxied) awaitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the proxy still holds the connection")
	}
}

// accept is an instance's side of a connection.
func accept(w http.ResponseWriter, r *http.Request) *websocket.Conn {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		panic(err)
	}
	return c
}

func TestLeaveTellsBothSides(t *testing.T) {
	status := make(chan websocket.StatusCode, 1)
	p := proxy(t, long, func(w http.ResponseWriter, r *http.Request) {
		c := accept(w, r)
		for {
			kind, text, err := c.Read(context.Background())
			if err != nil {
				status <- websocket.CloseStatus(err)
				return
			}
			_ = c.Write(context.Background(), kind, text)
		}
	})
	big := strings.Repeat("0123456789", 3000)
	for range 20 {
		require.NoError(t, p.client.Write(t.Context(), websocket.MessageText, []byte(big)))
		_, text, err := p.client.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, big, string(text))
	}
	p.socket.Leave()
	p.socket.Leave()
	_, _, err := p.client.Read(t.Context())
	require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
	require.Equal(t, websocket.StatusGoingAway, <-status)
	p.awaitEnd(t)
}

// TestLeaveLetsTheInstanceFinish has an instance say something more, and then
// close with a status of its own.
func TestLeaveLetsTheInstanceFinish(t *testing.T) {
	left := make(chan struct{})
	p := proxy(t, long, func(w http.ResponseWriter, r *http.Request) {
		c := accept(w, r)
		<-left
		_ = c.Write(context.Background(), websocket.MessageText, []byte("the last words"))
		_ = c.Close(websocket.StatusNormalClosure, "done")
	})
	p.socket.Leave()
	close(left)
	_, text, err := p.client.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, "the last words", string(text))
	_, _, err = p.client.Read(t.Context())
	require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
	p.awaitEnd(t)
}

// TestLeaveADeafInstance has one that neither reads nor answers.
func TestLeaveADeafInstance(t *testing.T) {
	over := make(chan struct{})
	p := proxy(t, 20*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		accept(w, r)
		<-over
	})
	defer close(over)
	p.socket.Leave()
	_, _, err := p.client.Read(t.Context())
	require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
	p.awaitEnd(t)
}

// TestLeaveATalker has an instance that never stops sending.
func TestLeaveATalker(t *testing.T) {
	p := proxy(t, 20*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		c := accept(w, r)
		text := []byte(strings.Repeat("x", 10_000))
		for c.Write(context.Background(), websocket.MessageText, text) == nil {
		}
	})
	p.socket.Leave()
	for {
		_, text, err := p.client.Read(t.Context())
		if err != nil {
			require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
			break
		}
		require.Len(t, text, 10_000)
	}
	p.awaitEnd(t)
}

// TestLeaveASilentClient has a client that does not answer the close frame.
func TestLeaveASilentClient(t *testing.T) {
	p := proxy(t, 20*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		_, _, _ = accept(w, r).Read(context.Background())
	})
	p.socket.Leave() // the client reads nothing, and so answers nothing
	p.awaitEnd(t)
}

// TestWithoutLeave: a connection that ends by itself is as if nobody watched.
func TestWithoutLeave(t *testing.T) {
	p := proxy(t, long, func(w http.ResponseWriter, r *http.Request) {
		_ = accept(w, r).Close(websocket.StatusPolicyViolation, "not you")
	})
	_, _, err := p.client.Read(t.Context())
	require.Equal(t, websocket.StatusPolicyViolation, websocket.CloseStatus(err), "%v", err)
	p.awaitEnd(t)

	p = proxy(t, long, func(w http.ResponseWriter, r *http.Request) {
		_, _, _ = accept(w, r).Read(context.Background())
	})
	require.NoError(t, p.client.Close(websocket.StatusNormalClosure, ""))
	p.awaitEnd(t)
}

// The frames of the tests below, as an instance and a client send them.
const (
	hello       = "\x81\x05hello"
	instanceBye = "\x88\x02\x03\xe8"                 // 1000
	clientBye   = "\x88\x82\x00\x00\x00\x00\x03\xe8" // 1000, with a mask of zeros
	routerBye   = "\x88\x02\x03\xe9"                 // 1001
)

// pair is a socket and the instance at its other end.
func pair(t *testing.T, patience time.Duration) (*stream.Socket, net.Conn) {
	ours, instance := net.Pipe()
	s := stream.NewSocket(ours, patience, stream.Clock{})
	t.Cleanup(func() { _, _ = s.Close(), instance.Close() })
	return s, instance
}

// listen reads what the instance gets, to its end.
func listen(instance net.Conn) <-chan string {
	got := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(instance)
		got <- string(all)
	}()
	return got
}

func say(t *testing.T, instance net.Conn, text string) {
	go func() { _, _ = io.WriteString(instance, text) }()
}

func read(t *testing.T, s *stream.Socket, want string) {
	t.Helper()
	buf := make([]byte, len(want))
	_, err := io.ReadFull(s, buf)
	require.NoError(t, err)
	require.Equal(t, want, string(buf))
}

func TestLeaveWithinAnInstancesFrame(t *testing.T) {
	s, instance := pair(t, 20*time.Millisecond)
	listen(instance)
	say(t, instance, hello+hello[:4])
	read(t, s, hello+hello[:4])
	s.Leave()
	n, err := s.Read(make([]byte, 100))
	require.Zero(t, n, "a close frame would be read as a part of the message")
	require.ErrorIs(t, err, stream.ErrLeft)
}

// TestLeaveASlowClient: what the instance has sent is kept for a client that
// takes longer than the router's patience.
func TestLeaveASlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, instance := pair(t, time.Second)
		listen(instance)
		say(t, instance, hello[:4])
		read(t, s, hello[:4])
		s.Leave()
		time.Sleep(time.Minute + time.Second/2) // between two looks at who is slow
		say(t, instance, hello[4:]+hello[:4])
		read(t, s, hello[4:]+routerBye)
	})
}

func TestLeaveDropsWhatComesAfterTheBorder(t *testing.T) {
	s, instance := pair(t, long)
	listen(instance)
	say(t, instance, hello[:4])
	read(t, s, hello[:4])
	s.Leave()
	say(t, instance, hello[4:]+hello+instanceBye+"\x00\x00")
	read(t, s, hello[4:]+hello+routerBye)
	require.NoError(t, s.CloseWrite())
	_, err := s.Read(make([]byte, 10))
	require.ErrorIs(t, err, stream.ErrLeft)
}

func TestLeaveDeliversToSmallBuffers(t *testing.T) {
	s, instance := pair(t, long)
	listen(instance)
	s.Leave()
	say(t, instance, instanceBye)
	var got strings.Builder
	for range len(routerBye) {
		buf := make([]byte, 1)
		n, err := s.Read(buf)
		require.NoError(t, err)
		got.Write(buf[:n])
	}
	require.Equal(t, routerBye, got.String())
}

func TestLeaveWithinAClientsFrame(t *testing.T) {
	s, instance := pair(t, long)
	got := listen(instance)
	message := "\x81\x85\x00\x00\x00\x00hello"
	_, err := io.WriteString(s, message[:8])
	require.NoError(t, err)
	s.Leave()
	_, err = io.WriteString(s, message[8:]+message[:3])
	require.NoError(t, err)
	_, err = io.WriteString(s, message[3:])
	require.NoError(t, err)
	require.NoError(t, s.Close())
	all := <-got
	require.Equal(t, message, all[:len(message)])
	require.Equal(t, "\x88\x82", all[len(message):len(message)+2])
	require.Len(t, all, len(message)+8)
	key, status := all[len(all)-6:], all[len(all)-2:]
	require.Equal(t, "\x03\xe9", string([]byte{status[0] ^ key[0], status[1] ^ key[1]}))
}

func TestLeaveAddsNothingToAClose(t *testing.T) {
	t.Run("of the client", func(t *testing.T) {
		s, instance := pair(t, long)
		got := listen(instance)
		_, err := io.WriteString(s, clientBye)
		require.NoError(t, err)
		s.Leave()
		say(t, instance, instanceBye)
		read(t, s, instanceBye)
		require.NoError(t, s.Close())
		require.Equal(t, clientBye, <-got)
	})
	t.Run("of the instance", func(t *testing.T) {
		s, instance := pair(t, 20*time.Millisecond)
		got := listen(instance)
		say(t, instance, instanceBye)
		read(t, s, instanceBye)
		s.Leave()
		_, err := s.Read(make([]byte, 10))
		require.Error(t, err, "nobody ended the connection")
		require.Empty(t, <-got)
	})
}
