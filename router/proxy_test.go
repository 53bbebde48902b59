package router_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/router"
)

func TestStableURIsFollowTheAlias(t *testing.T) {
	w := newWorld(t, nil)
	blue := instanceAt(t, upstream(t, "blue").URL, bluePro, "b1")
	green := instanceAt(t, upstream(t, "green").URL, greenPro, "g1")
	w.apply(7, web(catalog.PointTo(bluePro), blue, green))
	for _, uri := range []struct{ host, path, want string }{
		{"web.proxy.example", "/", "blue"},
		{"WEB.Proxy.Example:8080", "/x", "blue"},
		{"web.production.proxy.example.", "/", "blue"},
		{"web.green-production.proxy.example", "/", "green"},
		{"127.0.0.1", "/web@production/a", "blue"},
		{"127.0.0.1", "/web@green-production/a", "green"},
	} {
		res, body := w.get(uri.host, uri.path)
		require.Equal(t, http.StatusOK, res.StatusCode, "%v: %s", uri, body)
		require.Equal(t, uri.want, body, "%v", uri)
	}
	w.apply(8, web(catalog.PointTo(greenPro), blue, green))
	_, body := w.get("web.proxy.example", "/")
	require.Equal(t, "green", body)
}

func TestSplitSendsByWeight(t *testing.T) {
	w := newWorld(t, nil)
	blue := instanceAt(t, upstream(t, "blue").URL, bluePro, "b1")
	green := instanceAt(t, upstream(t, "green").URL, greenPro, "g1")
	split := func(s string) catalog.AliasValue {
		v, err := catalog.ParseAliasValue(s)
		require.NoError(t, err)
		return v
	}
	count := func() map[string]int {
		n := map[string]int{}
		for range 200 {
			_, body := w.get("web.proxy.example", "/")
			n[body]++
		}
		return n
	}
	w.apply(7, web(split("green-production=50,blue-production=50"), blue, green))
	n := count()
	require.Greater(t, n["blue"], 50)
	require.Greater(t, n["green"], 50)
	w.apply(8, web(split("green-production=0,blue-production=50"), blue, green))
	require.Equal(t, map[string]int{"blue": 200}, count())
	green.Health = catalog.Critical
	w.apply(9, web(split("green-production=50,blue-production=50"), blue, green))
	require.Equal(t, map[string]int{"blue": 200}, count(), "the share of a target without instances goes to the others")
}

func TestRoundRobin(t *testing.T) {
	w := newWorld(t, nil)
	a := instanceAt(t, upstream(t, "a").URL, bluePro, "a")
	b := instanceAt(t, upstream(t, "b").URL, bluePro, "b")
	service := web(catalog.PointTo(bluePro), a, b)
	service.Config.Balance = catalog.RoundRobin
	w.apply(7, service)
	n := map[string]int{}
	for range 10 {
		_, body := w.get("web.proxy.example", "/")
		n[body]++
	}
	require.Equal(t, map[string]int{"a": 5, "b": 5}, n)
}

// passedOver is what the metrics say of six requests of which every other one
// would meet an instance that refuses: after its first it is set aside for a
// second, in which most machines are through.
const passedOver = `teal_retries_total\{service="web",target="blue-production"\} [12]\n`

func TestRefusedConnectionIsTriedElsewhere(t *testing.T) {
	w := newWorld(t, nil)
	echo := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	good := instanceAt(t, echo.URL, bluePro, "good")
	bad := instanceAt(t, refusing(t), bluePro, "bad")
	w.apply(7, configured(catalog.Traffic{Balance: catalog.RoundRobin}, good, bad)) // so that it is its turn
	payload := strings.Repeat("0123456789", 10_000)
	for range 6 {
		res, body := w.do(w.request(http.MethodPost, "web.proxy.example", "/", strings.NewReader(payload)))
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.True(t, payload == body, "%d bytes came back", len(body))
	}
	require.Eventually(t, func() bool { return w.inFlight("blue-production") == 0 }, within, time.Millisecond)
	_, metrics := w.adminGet("/metrics")
	require.Regexp(t, passedOver, metrics)
	require.Contains(t, metrics, `teal_requests_total{class="2xx",service="web",target="blue-production"} 6`)
	require.Contains(t, metrics, `teal_in_flight{service="web",target="blue-production"} 0`)
}

func TestAnswersOfTheRouter(t *testing.T) {
	slow := serveUpstream(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	cut := serveUpstream(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	service := func(name, address string) *catalog.Service {
		s := web(catalog.PointTo(bluePro), instanceAt(t, address, bluePro, name))
		s.Name = name
		if name == "slow" {
			s.Config.TimeoutMS = 50
		}
		return s
	}
	sick := web(catalog.PointTo(greenPro), instanceAt(t, cut.URL, bluePro, "b"))
	sick.Name, sick.Releases = "sick", map[catalog.Target]catalog.Release{greenPro: {ID: "r1", State: catalog.Ready}}
	w := newWorld(t, nil)
	res, body := w.get("web.proxy.example", "/")
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Contains(t, body, "has not read")
	w.apply(7, service("refused", refusing(t)), service("slow", slow.URL), service("cut", cut.URL), sick,
		&catalog.Service{Name: "fresh"})
	for _, c := range []struct {
		host, path string
		status     int
		code, says string
	}{
		{"refused.proxy.example", "/", 502, "refused", "An instance of blue-production of refused can't be reached."},
		{"slow.proxy.example", "/", 504, "timeout", "within 50ms. Try again; if it stays so, look at its log."},
		{"cut.proxy.example", "/", 502, "broken-off", "blue-production of cut"},
		{"fresh.proxy.example", "/", 503, "no-target", "Alias production of fresh points at nothing yet."},
		{"sick.proxy.example", "/", 503, "no-instance", "points at green-production, which has no healthy instance"},
		{"nobody.proxy.example", "/", 404, "unknown-name", "nobody.proxy.example"},
		{"cut.elsewhere.proxy.example", "/", 404, "unknown-name", "it has: blue-production, production"},
		{"10.0.0.1", "/cut@elsewhere/", 404, "unknown-name", "it has: blue-production, production"},
		{"10.0.0.1", "/cut@production//x", 400, "ambiguous-path", "Write it plainly"},
		{"10.0.0.1", "/cut@production/%2e%2E/x", 400, "ambiguous-path", "Write it plainly"},
	} {
		res, body := w.get(c.host, c.path)
		require.Equal(t, c.status, res.StatusCode, "%v: %s", c, body)
		require.Equal(t, c.code, res.Header.Get("X-Teal-Error"), "%v", c)
		require.Contains(t, body, c.says)
		require.Equal(t, c.status == 503, res.Header.Get("Retry-After") != "", "%v", c)
	}
	req := w.request(http.MethodGet, "fresh.proxy.example", "/", nil)
	req.Header.Set("Accept", "application/json, text/plain;q=0.5")
	res, body = w.do(req)
	require.Equal(t, "application/json", res.Header.Get("Content-Type"))
	require.JSONEq(t, `{"status":503,"error":"no-target","service":"fresh","alias":"production",
		"message":"Alias production of fresh points at nothing yet. Deploy fresh, or set the alias."}`, body)
}

func TestASlowUploadIsNoSlowAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	echo := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	s := web(catalog.PointTo(bluePro), instanceAt(t, echo.URL, bluePro, "b"))
	s.Config.TimeoutMS = 1000
	w.apply(7, s)
	body, pipe := io.Pipe()
	go func() {
		for range 2 {
			time.Sleep(1500 * time.Millisecond) // a client that takes its time
			_, _ = io.WriteString(pipe, "xx")
		}
		_ = pipe.Close()
	}()
	res, got := w.do(w.request(http.MethodPut, "web.proxy.example", "/", body))
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "xxxx", got)
}

// seen is what an instance was sent.
func seen(t *testing.T, w *world, change func(*http.Request), host, path string) http.Header {
	t.Helper()
	req := w.request(http.MethodGet, host, path, nil)
	change(req)
	res, _ := w.do(req)
	require.Equal(t, http.StatusOK, res.StatusCode)
	return res.Header
}

// mirror answers with the request's headers as headers, prefixed.
func mirror(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.Header {
		w.Header()["Got-"+name] = values
	}
	w.Header().Set("Got-Host", r.Host)
	w.Header().Set("Got-Uri", r.RequestURI)
}

func TestHeadersSentOn(t *testing.T) {
	spoof := func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", "1.2.3.4")
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("X-Forwarded-Host", "evil.example")
		r.Header.Set("X-Forwarded-Prefix", "/outer")
		r.Header.Set("X-Forwarded-User", "root")
		r.Header["X_forwarded_for"] = []string{"1.2.3.4"}
		r.Header.Set("Forwarded", "for=1.2.3.4")
		r.Header.Set("X-Real-Ip", "1.2.3.4")
		r.Header.Set("X-Request-Id", "abc-1")
		r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		r.Header.Set("Tracestate", "a=b")
		r.Header.Set("Connection", "X-Secret, X-Forwarded-For")
		r.Header.Set("X-Secret", "hop")
	}
	service := func(t *testing.T) *catalog.Service {
		return web(catalog.PointTo(bluePro), instanceAt(t, serveUpstream(t, mirror).URL, bluePro, "b"))
	}
	t.Run("from a stranger", func(t *testing.T) {
		w := newWorld(t, nil)
		w.apply(7, service(t))
		h := seen(t, w, spoof, "127.0.0.1:99", "/web@production/a/b?c=d;e")
		require.Equal(t, "127.0.0.1", h.Get("Got-X-Forwarded-For"))
		require.Equal(t, "http", h.Get("Got-X-Forwarded-Proto"))
		require.Equal(t, "127.0.0.1:99", h.Get("Got-X-Forwarded-Host"))
		require.Equal(t, "/web@production", h.Get("Got-X-Forwarded-Prefix"))
		require.Equal(t, "/a/b?c=d;e", h.Get("Got-Uri"))
		require.Equal(t, "127.0.0.1:99", h.Get("Got-Host"))
		require.Equal(t, "abc-1", h.Get("Got-X-Request-Id"))
		require.Equal(t, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", h.Get("Got-Traceparent"))
		require.Equal(t, "a=b", h.Get("Got-Tracestate"))
		for _, gone := range []string{"X-Forwarded-User", "X_forwarded_for", "Forwarded", "X-Real-Ip", "X-Secret"} {
			require.Empty(t, h["Got-"+gone], gone)
		}
	})
	t.Run("from a trusted proxy", func(t *testing.T) {
		w := newWorld(t, func(o *router.Options) {
			o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			o.Preview = []netip.Prefix{netip.MustParsePrefix("1.2.3.0/24")}
		})
		w.apply(7, service(t))
		h := seen(t, w, spoof, "any", "/web@production/")
		require.Equal(t, "1.2.3.4, 127.0.0.1", h.Get("Got-X-Forwarded-For"))
		require.Equal(t, "https", h.Get("Got-X-Forwarded-Proto"))
		require.Equal(t, "evil.example", h.Get("Got-X-Forwarded-Host"))
		require.Equal(t, "/outer/web@production", h.Get("Got-X-Forwarded-Prefix"))
		require.Empty(t, h["Got-X_forwarded_for"])
	})
	t.Run("a request id is made where there is no sane one", func(t *testing.T) {
		w := newWorld(t, nil)
		w.apply(7, service(t))
		for _, id := range []string{"", strings.Repeat("x", 129), "a b"} {
			h := seen(t, w, func(r *http.Request) { r.Header.Set("X-Request-Id", id) }, "web.proxy.example", "/")
			require.Regexp(t, `^[0-9a-f]{32}$`, h.Get("Got-X-Request-Id"))
		}
	})
}

func TestPathsGoOnAsTheyCame(t *testing.T) {
	w := newWorld(t, nil)
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, serveUpstream(t, mirror).URL, bluePro, "b")))
	for _, path := range []string{"/", "/a%2Fb", "/a//b/../c", "//twice", "/a|b%7Cc", "/%e2%82%ac?", "/x?a=%zz&b;c"} {
		require.Equal(t, path, rawGet(t, w, "web.proxy.example", path).Header.Get("Got-Uri"))
	}
	require.Equal(t, "/%7Euser/", rawGet(t, w, "10.0.0.1", "/web%40production/%7Euser/").Header.Get("Got-Uri"))
	res := rawGet(t, w, "10.0.0.1", "/web@production?x=1")
	require.Equal(t, http.StatusPermanentRedirect, res.StatusCode)
	require.Equal(t, "/web@production/?x=1", res.Header.Get("Location"))
}

// rawGet writes the request line as it is given, which net/http would not.
func rawGet(t *testing.T, w *world, host, path string) *http.Response {
	t.Helper()
	conn := dialProxy(t, w)
	_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func dialProxy(t *testing.T, w *world) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", w.proxy.Listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestPreviewTargetsAnswerOnlyToPreviewNetworks(t *testing.T) {
	elsewhere := func(o *router.Options) { o.Preview = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")} }
	for _, c := range []struct {
		name   string
		change func(*router.Options)
		status int
	}{{"inside", nil, 200}, {"outside", elsewhere, 403}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.change)
			up := upstream(t, "x").URL
			w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, up, bluePro, "b"), instanceAt(t, up, greenPro, "g")))
			for _, host := range []string{"web.green-production.proxy.example", "any"} {
				path := "/"
				if host == "any" {
					path = "/web@green-production/"
				}
				res, body := w.get(host, path)
				require.Equal(t, c.status, res.StatusCode, body)
			}
			res, _ := w.get("web.blue-production.proxy.example", "/")
			require.Equal(t, 200, res.StatusCode, "the live target is open to all")
		})
	}
}

func TestServerSentEventsArriveAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	more := make(chan struct{})
	up := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = io.WriteString(w, "data: one\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-more:
			_, _ = io.WriteString(w, "data: two\n\n")
		case <-r.Context().Done():
		}
	})
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b")))
	res, err := http.DefaultTransport.RoundTrip(w.request(http.MethodGet, "web.proxy.example", "/", nil))
	require.NoError(t, err)
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "data: one\n", line)
	require.Equal(t, int64(1), w.inFlight("blue-production"), "a stream is in flight until it ends")
	close(more)
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Equal(t, "\ndata: two\n\n", string(rest))
	require.Eventually(t, func() bool { return w.inFlight("blue-production") == 0 }, 20*time.Second, 5*time.Millisecond)
}

func TestTrailersPassBothWays(t *testing.T) {
	w := newWorld(t, nil)
	up := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("X-Sum", "of "+r.Trailer.Get("X-In"))
	})
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b")))
	req := w.request(http.MethodPost, "web.proxy.example", "/", io.MultiReader(strings.NewReader("body")))
	req.Trailer = http.Header{"X-In": {"in"}}
	res, body := w.do(req)
	require.Equal(t, "body", body)
	require.Equal(t, "of in", res.Trailer.Get("X-Sum"))
}

func echoUpgrade(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		_, _ = io.WriteString(w, "no upgrade")
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_ = rw.Flush()
	_, _ = io.Copy(conn, rw)
}

func upgrade(t *testing.T, w *world, protocol string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	conn := dialProxy(t, w)
	_, err := fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: web.proxy.example\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	return conn, r, res
}

func TestWebSocketPasses(t *testing.T) {
	w := newWorld(t, nil)
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, serveUpstream(t, echoUpgrade).URL, bluePro, "b")))
	conn, r, res := upgrade(t, w, "WebSocket")
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	_, err := io.WriteString(conn, "ping")
	require.NoError(t, err)
	got := make([]byte, 4)
	_, err = io.ReadFull(r, got)
	require.NoError(t, err)
	require.Equal(t, "ping", string(got))
	require.Equal(t, int64(1), w.inFlight("blue-production"), "a WebSocket is in flight until it is closed")
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return w.inFlight("blue-production") == 0 }, 20*time.Second, 5*time.Millisecond)
}

func TestOtherUpgradesAreNotForwarded(t *testing.T) {
	w := newWorld(t, nil)
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, serveUpstream(t, echoUpgrade).URL, bluePro, "b")))
	_, _, res := upgrade(t, w, "h2c")
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "no upgrade", string(body))
}

func TestAClientThatLeavesIsNoFailure(t *testing.T) {
	w := newWorld(t, nil)
	arrived := make(chan struct{})
	up := serveUpstream(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b")))
	conn := dialProxy(t, w)
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: web.proxy.example\r\n\r\n")
	require.NoError(t, err)
	<-arrived
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool {
		_, metrics := w.adminGet("/metrics")
		return strings.Contains(metrics, `teal_requests_total{class="gone",service="web",target="blue-production"} 1`)
	}, 20*time.Second, 10*time.Millisecond)
}

func TestAnAnswerThatBreaksOffIsCountedAsBroken(t *testing.T) {
	w := newWorld(t, nil)
	up := serveUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "200000")
		_, _ = io.WriteString(w, strings.Repeat("x", 100_000))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b")))
	res, err := http.DefaultTransport.RoundTrip(w.request(http.MethodGet, "web.proxy.example", "/", nil))
	require.NoError(t, err)
	_, err = io.ReadAll(res.Body)
	require.True(t, errors.Is(err, io.ErrUnexpectedEOF), "%v", err)
	_ = res.Body.Close()
	require.Eventually(t, func() bool {
		_, metrics := w.adminGet("/metrics")
		return strings.Contains(metrics, `teal_requests_total{class="broken",service="web",target="blue-production"} 1`)
	}, 20*time.Second, 10*time.Millisecond)
}

func TestCataloguePageOnTheProxy(t *testing.T) {
	w := newWorld(t, nil)
	w.apply(7, web(catalog.PointTo(bluePro)))
	for host, status := range map[string]int{"proxy.example": 200, "10.1.2.3:80": 200, "[::1]:80": 200, "localhost": 200, "other.example": 404} {
		res, _ := w.get(host, "/")
		require.Equal(t, status, res.StatusCode, host)
	}
	res, _ := w.get("localhost", "/nothing")
	require.Equal(t, 404, res.StatusCode)
}

func TestContentTypeIsNotMadeUp(t *testing.T) {
	w := newWorld(t, nil)
	up := serveUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		_, _ = io.WriteString(w, "<html>")
	})
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b")))
	res, _ := w.get("web.proxy.example", "/")
	require.Empty(t, res.Header.Get("Content-Type"))
}
