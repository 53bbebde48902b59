package router_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// halfAndHalf is web with an alias that splits requests over two instances.
func halfAndHalf(t *testing.T, blue, green string) *catalog.Service {
	t.Helper()
	v, err := catalog.ParseAliasValue("green-production=50,blue-production=50")
	require.NoError(t, err)
	return web(v, instanceAt(t, blue, bluePro, "b"), instanceAt(t, green, greenPro, "g"))
}

// TestEarlyHintsLoseNothing lets an interim answer (RFC 8297) go before the one
// that the router adds to.
func TestEarlyHintsLoseNothing(t *testing.T) {
	w := newWorld(t, nil)
	up := serveUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header()["Content-Type"] = nil
		_, _ = io.WriteString(w, "<html>")
	})
	w.apply(7, halfAndHalf(t, up.URL, up.URL))
	res, _ := w.get("web.proxy.example", "/")
	require.Len(t, res.Cookies(), 1, "the client is to stay on its side")
	require.NotContains(t, res.Header, "Content-Type", "none is made up")
}

// TestACookieThatCannotBeReadHidesNoOther sends what the services' own pages set,
// and RFC 6265 does not allow.
func TestACookieThatCannotBeReadHidesNoOther(t *testing.T) {
	w := newWorld(t, nil)
	w.apply(7, halfAndHalf(t, upstream(t, "blue").URL, upstream(t, "green").URL))
	for _, others := range []string{`cart={"items":[]}`, "name=Zoë", "nothing", ""} {
		for range 20 {
			r := w.request(http.MethodGet, "web.proxy.example", "/", nil)
			r.Header.Set("Cookie", others+"; teal-web=1")
			res, body := w.do(r)
			require.Equal(t, "blue", body, others)
			require.Empty(t, res.Cookies(), "%s: the client knows its side", others)
		}
	}
}

// TestACookieNeedsAName keeps clients on their side where the service wants a
// cookie that no browser would take.
func TestACookieNeedsAName(t *testing.T) {
	w := newWorld(t, nil)
	s := halfAndHalf(t, upstream(t, "blue").URL, upstream(t, "green").URL)
	s.Config.Sticky = &catalog.Sticky{Name: "my side"}
	w.apply(7, s)
	res, _ := w.get("web.proxy.example", "/")
	require.Len(t, res.Cookies(), 1)
	require.Equal(t, "teal-web", res.Cookies()[0].Name)
	_, body := w.adminGet("/v1/problems")
	require.Contains(t, body, "my side")
}

// TestAnEarlyAnswerKeepsAnHTTP2Connection has an answer begin before the body has
// ended, as in every stream of gRPC that goes both ways.
func TestAnEarlyAnswerKeepsAnHTTP2Connection(t *testing.T) {
	w := newWorld(t, nil)
	up := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(w, r.Body)
	})
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b")))
	front := httptest.NewUnstartedServer(w.router.Handler())
	front.Config.Protocols = new(http.Protocols)
	front.Config.Protocols.SetUnencryptedHTTP2(true)
	front.Start()
	defer front.Close()
	client := &http.Transport{Protocols: new(http.Protocols)}
	client.Protocols.SetUnencryptedHTTP2(true)
	conn, err := client.NewClientConn(t.Context(), "http", front.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	for range 5 {
		body, upload := io.Pipe()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front.URL, body)
		require.NoError(t, err)
		r.Host = "web.proxy.example"
		res, err := conn.RoundTrip(r)
		require.NoError(t, err)
		_, err = io.WriteString(upload, "hello")
		require.NoError(t, err)
		require.NoError(t, upload.Close())
		got, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, "hello", string(got))
	}
	require.NoError(t, conn.Err())
}

// TestAWebSocketIsNoFailureOfHTTP2 asks instances for what they do not speak:
// that they can't is no sign that they fail.
func TestAWebSocketIsNoFailureOfHTTP2(t *testing.T) {
	var met atomic.Int64
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { met.Add(1) }))
	up.Config.Protocols = new(http.Protocols)
	up.Config.Protocols.SetUnencryptedHTTP2(true)
	up.Start()
	defer up.Close()
	i := instanceAt(t, up.URL, bluePro, "b")
	i.Protocol = catalog.ProtocolH2C
	w := newWorld(t, nil)
	w.apply(7, web(catalog.PointTo(bluePro), i))
	for range 5 {
		_, _, res := upgrade(t, w, "websocket")
		require.Equal(t, http.StatusOK, res.StatusCode, "an upgrade may be ignored (RFC 9110, section 7.8)")
	}
	require.EqualValues(t, 5, met.Load())
	_, body := w.adminGet("/v1/services/web/targets/blue-production")
	require.NotContains(t, body, `"aside"`)
}

// TestWebSocketsOverTLS has an instance that would rather speak HTTP/2.
func TestWebSocketsOverTLS(t *testing.T) {
	up := httptest.NewUnstartedServer(http.HandlerFunc(echoUpgrade))
	up.EnableHTTP2 = true
	up.StartTLS()
	defer up.Close()
	i := instanceAt(t, strings.TrimPrefix(up.URL, "https://"), bluePro, "b")
	i.Protocol = catalog.ProtocolHTTPS
	w := newWorld(t, nil)
	w.apply(7, configured(catalog.Traffic{TLS: &catalog.UpstreamTLS{SkipVerify: true}}, i))
	conn, r, res := upgrade(t, w, "websocket")
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	_, err := io.WriteString(conn, "ping")
	require.NoError(t, err)
	got := make([]byte, 4)
	_, err = io.ReadFull(r, got)
	require.NoError(t, err)
	require.Equal(t, "ping", string(got))
}

// TestAPauseHoldsThoseWhoWaitForALimit pauses an alias while its service has its
// fill: who waits for a turn waits for the pause then, and keeps nobody from it.
func TestAPauseHoldsThoseWhoWaitForALimit(t *testing.T) {
	w := newWorld(t, nil)
	url, arrived, letGo := holding(t)
	s := configured(catalog.Traffic{MaxInFlight: 1, MaxQueue: 5, QueueMS: 60_000}, instanceAt(t, url, bluePro, "b"))
	w.apply(7, s)
	replies := []<-chan reply{w.send("web.proxy.example", "/")}
	<-arrived
	for range 3 {
		replies = append(replies, w.send("web.proxy.example", "/"))
	}
	require.Eventually(t, func() bool {
		_, body := w.adminGet("/v1/explain?url=http://web.proxy.example/")
		return strings.Contains(body, `"waiting": 3`)
	}, within, time.Millisecond)
	w.apply(7, halting(s, pause(time.Minute, 0)))
	letGo()
	w.awaitWaiting(3)
	w.apply(7, s)
	for _, one := range replies {
		got := <-one
		require.NoError(t, got.err)
		require.Equal(t, http.StatusOK, got.status, got.body)
	}
}

// TestThoseWhomAPauseHeldAreNotTooMany ends a pause that has held more than the
// service may have waiting: they were promised to wait.
func TestThoseWhomAPauseHeldAreNotTooMany(t *testing.T) {
	w := newWorld(t, nil)
	slow := serveUpstream(t, func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Millisecond) })
	s := configured(catalog.Traffic{MaxInFlight: 2, MaxQueue: 1, QueueMS: 20}, instanceAt(t, slow.URL, bluePro, "b"))
	w.apply(7, halting(s, pause(time.Minute, 0)))
	var replies []<-chan reply
	for range 60 {
		replies = append(replies, w.send("web.proxy.example", "/"))
	}
	w.awaitWaiting(60)
	w.apply(8, s)
	for _, one := range replies {
		got := <-one
		require.NoError(t, got.err)
		require.Equal(t, http.StatusOK, got.status, got.body)
	}
}

// TestAPreviewTokenStaysWithTheRouter keeps a service from learning the token of
// another one, which a client that knows both sends to every service of a host.
func TestAPreviewTokenStaysWithTheRouter(t *testing.T) {
	w := newWorld(t, nil)
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, serveUpstream(t, mirror).URL, bluePro, "b")))
	got := seen(t, w, func(r *http.Request) {
		r.Header.Set("X-Teal-Preview-Token", "secret")
		r.Header["Cookie"] = []string{`a="1"; teal-preview=secret; cart={"x":1}`, "teal-preview=secret", "b=2"}
	}, "web.proxy.example", "/")
	require.Empty(t, got.Values("Got-X-Teal-Preview-Token"))
	require.Equal(t, []string{`a="1"; cart={"x":1}`, "b=2"}, got.Values("Got-Cookie"))
}

// TestExpectContinue sends a body only when it is asked for (RFC 9110, section
// 10.1.1), by an instance that asks itself.
func TestExpectContinue(t *testing.T) {
	w := newWorld(t, nil)
	up := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b")))
	conn := dialProxy(t, w)
	_, err := fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: web.proxy.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	line, err := textproto.NewReader(r).ReadLine()
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue", line)
	_, err = r.ReadString('\n')
	require.NoError(t, err)
	_, err = io.WriteString(conn, "hello")
	require.NoError(t, err)
	res, err := http.ReadResponse(r, nil)
	for err == nil && res.StatusCode == http.StatusContinue {
		res, err = http.ReadResponse(r, nil)
	}
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "hello", string(body))
}

// TestANameThatCannotBeRoutedHidesNoOther has a service that only keys made.
func TestANameThatCannotBeRoutedHidesNoOther(t *testing.T) {
	w := newWorld(t, nil)
	w.apply(7, &catalog.Service{Name: "Bad_Name", Aliases: map[string]catalog.Alias{"production": {Name: "production", Value: catalog.PointTo(bluePro)}}},
		web(catalog.PointTo(bluePro), instanceAt(t, upstream(t, "blue").URL, bluePro, "b")))
	for _, path := range []string{"/v1/services", "/v1/services/Bad_Name", "/v1/services/Bad_Name/targets/blue-production", "/v1/problems", "/metrics", "/", "/v1/explain?url=http://web.proxy.example/"} {
		res, body := w.adminGet(path)
		require.Less(t, res.StatusCode, 500, "%s: %s", path, body)
	}
	_, body := w.get("web.proxy.example", "/")
	require.Equal(t, "blue", body)
}

// TestAnImproperAnswerCostsNothing meets instances that answer what they must not:
// the client is told, and the connection to the instance is closed.
func TestAnImproperAnswerCostsNothing(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\n\r\n",
	} {
		w := newWorld(t, nil)
		address, closed := answering(t, answer)
		w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, address, bluePro, "b")))
		res, _ := w.do(w.request(http.MethodPost, "web.proxy.example", "/", nil))
		require.Equal(t, http.StatusBadGateway, res.StatusCode, answer)
		select {
		case <-closed:
		case <-time.After(10 * time.Second):
			require.Fail(t, "the connection is still open", answer)
		}
		require.Eventually(t, func() bool { return w.router.InFlight() == 0 }, 20*time.Second, time.Millisecond)
	}
}

// answering is an instance that gives its first request an answer, byte for byte.
func answering(t *testing.T, answer string) (address string, closed <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	over := make(chan struct{})
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer close(over)
		defer conn.Close()
		r := bufio.NewReader(conn)
		if _, err := http.ReadRequest(r); err == nil {
			_, _ = io.WriteString(conn, answer)
		}
		_, _ = io.Copy(io.Discard, r)
	}()
	return l.Addr().String(), over
}
