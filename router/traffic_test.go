package router_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/router"
)

// breaking is an instance that breaks every connection off once it has read a
// request. It counts them.
func breaking(t *testing.T) (address string, requests *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	requests = new(atomic.Int64)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					requests.Add(1)
				}
			}()
		}
	}()
	return l.Addr().String(), requests
}

// configured is web with a configuration.
func configured(traffic catalog.Traffic, instances ...catalog.Instance) *catalog.Service {
	s := web(catalog.PointTo(bluePro), instances...)
	s.Config.Traffic = traffic
	return s
}

func TestWhatMayBeRepeatedIsTriedElsewhere(t *testing.T) {
	w := newWorld(t, nil)
	bad, met := breaking(t)
	w.apply(7, configured(catalog.Traffic{Balance: catalog.RoundRobin},
		instanceAt(t, upstream(t, "good").URL, bluePro, "good"), instanceAt(t, bad, bluePro, "bad")))
	for range 4 {
		res, body := w.get("web.proxy.example", "/")
		require.Equal(t, http.StatusOK, res.StatusCode, body)
		require.Equal(t, "good", body)
	}
	require.NotZero(t, met.Load())
}

func TestWhatMayNotBeRepeatedIsNot(t *testing.T) {
	w := newWorld(t, nil)
	bad, met := breaking(t)
	alone := configured(catalog.Traffic{}, instanceAt(t, bad, bluePro, "bad"), instanceAt(t, bad, bluePro, "the same again"))
	w.apply(7, alone)
	res, body := w.do(w.request(http.MethodPost, "web.proxy.example", "/", strings.NewReader("x")))
	require.Equal(t, http.StatusBadGateway, res.StatusCode, body)
	require.Equal(t, router.CodeBroken, res.Header.Get("X-Teal-Error"))
	require.Equal(t, int64(1), met.Load(), "it was sent once")
	res, _ = w.do(w.request(http.MethodPut, "web.proxy.example", "/", strings.NewReader("x")))
	require.Equal(t, http.StatusBadGateway, res.StatusCode)
	require.Equal(t, int64(2), met.Load(), "its body is gone")
}

func TestRetriesHaveTheirLimits(t *testing.T) {
	w := newWorld(t, nil)
	var instances []catalog.Instance
	var counts []*atomic.Int64
	for n := range 5 {
		address, met := breaking(t)
		instances, counts = append(instances, instanceAt(t, address, bluePro, fmt.Sprint(n))), append(counts, met)
	}
	tries := func() (n int64) {
		for _, c := range counts {
			n += c.Swap(0)
		}
		return n
	}
	w.apply(7, configured(catalog.Traffic{}, instances...))
	res, _ := w.get("web.proxy.example", "/")
	require.Equal(t, http.StatusBadGateway, res.StatusCode)
	require.Equal(t, int64(router.DefaultAttempts), tries())

	w.apply(7, configured(catalog.Traffic{Retry: &catalog.Retry{Attempts: 1}}, instances...))
	_, _ = w.get("web.proxy.example", "/")
	require.Equal(t, int64(1), tries())

	w.apply(7, configured(catalog.Traffic{Retry: &catalog.Retry{Attempts: 2, BudgetPercent: 1}}, instances...))
	const requests = 400
	for range requests {
		_, _ = w.get("web.proxy.example", "/")
	}
	require.Less(t, tries(), int64(requests*3/2), "a service that fails is not asked twice as often for it")
}

func TestABodyMayBeTooLarge(t *testing.T) {
	w := newWorld(t, nil)
	var read atomic.Int64
	up := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err == nil {
			read.Store(n)
		}
	})
	w.apply(7, configured(catalog.Traffic{MaxBody: 1000}, instanceAt(t, up.URL, bluePro, "b")))
	post := func(body io.Reader) *http.Response {
		res, _ := w.do(w.request(http.MethodPost, "web.proxy.example", "/", body))
		return res
	}
	require.Equal(t, http.StatusOK, post(strings.NewReader(strings.Repeat("x", 1000))).StatusCode)
	require.Equal(t, int64(1000), read.Load())
	announced := post(strings.NewReader(strings.Repeat("x", 1001)))
	require.Equal(t, http.StatusRequestEntityTooLarge, announced.StatusCode)
	require.Equal(t, router.CodeTooLarge, announced.Header.Get("X-Teal-Error"))
	chunked := post(io.MultiReader(strings.NewReader(strings.Repeat("x", 600)), strings.NewReader(strings.Repeat("x", 600))))
	require.Equal(t, http.StatusRequestEntityTooLarge, chunked.StatusCode)
	require.Zero(t, w.inFlight("blue-production"))
}

func TestAWholeRequestMayTakeTooLong(t *testing.T) {
	w := newWorld(t, nil)
	up := serveUpstream(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	w.apply(7, configured(catalog.Traffic{RequestTimeoutMS: 30}, instanceAt(t, up.URL, bluePro, "b")))
	res, body := w.get("web.proxy.example", "/")
	require.Equal(t, http.StatusGatewayTimeout, res.StatusCode, body)
	require.Contains(t, body, "30ms")

	begun := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	w.apply(7, configured(catalog.Traffic{RequestTimeoutMS: 1500}, instanceAt(t, begun.URL, bluePro, "b"))) // long enough for it to begin
	answer, err := http.DefaultTransport.RoundTrip(w.request(http.MethodGet, "web.proxy.example", "/", nil))
	require.NoError(t, err)
	_, err = io.ReadAll(answer.Body)
	require.Error(t, err, "an answer that has begun is broken off, so that nobody takes it for whole")
	require.NoError(t, answer.Body.Close())
}

// holding is an instance whose requests wait until they are let go.
func holding(t *testing.T) (url string, arrived <-chan struct{}, letGo func()) {
	t.Helper()
	came, goOn := make(chan struct{}, 100), make(chan struct{})
	up := serveUpstream(t, func(http.ResponseWriter, *http.Request) {
		came <- struct{}{}
		<-goOn
	})
	letGo = sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(letGo)
	return up.URL, came, letGo
}

func TestRequestsBeyondTheLimitWaitAndThenAreTurnedAway(t *testing.T) {
	w := newWorld(t, nil)
	url, arrived, letGo := holding(t)
	w.apply(7, configured(catalog.Traffic{MaxInFlight: 2, MaxQueue: 1, QueueMS: 60_000}, instanceAt(t, url, bluePro, "b")))
	statuses := make(chan int, 4)
	ask := func() {
		res, err := http.DefaultTransport.RoundTrip(w.request(http.MethodGet, "web.proxy.example", "/", nil))
		if err != nil {
			statuses <- 0
			return
		}
		_ = res.Body.Close()
		statuses <- res.StatusCode
	}
	go ask()
	go ask()
	<-arrived
	<-arrived
	go ask()
	go ask()
	require.Equal(t, http.StatusServiceUnavailable, <-statuses, "one of them waits, the other is one too many")
	res, body := w.get("web.proxy.example", "/")
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Equal(t, router.CodeBusy, res.Header.Get("X-Teal-Error"))
	require.NotEmpty(t, res.Header.Get("Retry-After"))
	require.Contains(t, body, "as many are waiting as may")
	require.Equal(t, int64(2), w.inFlight("blue-production"))
	letGo()
	for range 3 {
		require.Equal(t, http.StatusOK, <-statuses, "nobody who had a place was turned away")
	}
}

func TestWaitingForALimitHasAnEnd(t *testing.T) {
	w := newWorld(t, nil)
	url, arrived, _ := holding(t)
	w.apply(7, configured(catalog.Traffic{MaxInFlight: 1, MaxQueue: 5, QueueMS: 20}, instanceAt(t, url, bluePro, "b")))
	go func() {
		if res, err := http.DefaultTransport.RoundTrip(w.request(http.MethodGet, "web.proxy.example", "/", nil)); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-arrived
	res, body := w.get("web.proxy.example", "/")
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Contains(t, body, "none ended within 20ms")
}

func TestTheConnectTimeoutIsTheServices(t *testing.T) {
	w := newWorld(t, nil)
	full, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts; TLS waits for ever
	require.NoError(t, err)
	defer full.Close()
	bad := instanceAt(t, full.Addr().String(), bluePro, "bad")
	bad.Protocol = catalog.ProtocolHTTPS
	w.apply(7, configured(catalog.Traffic{ConnectTimeoutMS: 50}, bad))
	began := time.Now()
	res, _ := w.get("web.proxy.example", "/")
	require.Equal(t, http.StatusBadGateway, res.StatusCode)
	require.Equal(t, router.CodeRefused, res.Header.Get("X-Teal-Error"))
	require.Less(t, time.Since(began), router.DefaultConnectTimeout)
}

func TestInstancesOverTLS(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
	i := instanceAt(t, strings.TrimPrefix(secure.URL, "https://"), bluePro, "b")
	i.Protocol = catalog.ProtocolHTTPS
	for _, c := range []struct {
		name string
		tls  *catalog.UpstreamTLS
		want int
	}{
		{"its CA and its name", &catalog.UpstreamTLS{CA: ca, ServerName: "example.com"}, http.StatusOK},
		{"another name", &catalog.UpstreamTLS{CA: ca, ServerName: "example.org"}, http.StatusBadGateway},
		{"the router's roots", nil, http.StatusBadGateway},
		{"a CA that is none", &catalog.UpstreamTLS{CA: "x", ServerName: "example.com"}, http.StatusBadGateway},
		{"not verified", &catalog.UpstreamTLS{SkipVerify: true}, http.StatusOK},
	} {
		// A fresh router each: a connection once verified stays in use.
		w := newWorld(t, nil)
		w.apply(7, configured(catalog.Traffic{TLS: c.tls}, i))
		res, body := w.get("web.proxy.example", "/")
		require.Equal(t, c.want, res.StatusCode, "%s: %s", c.name, body)
		if c.want == http.StatusOK {
			require.Equal(t, "HTTP/2.0", body)
		} else {
			require.Equal(t, router.CodeRefused, res.Header.Get("X-Teal-Error"), c.name)
		}
	}
}

func TestInstancesThatSpeakHTTP2WithoutTLS(t *testing.T) {
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		w.Header().Set("Content-Type", "application/grpc")
		_ = http.NewResponseController(w).Flush() // as gRPC does: no length is known
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("Grpc-Status", "0")
	}))
	up.Config.Protocols = new(http.Protocols)
	up.Config.Protocols.SetUnencryptedHTTP2(true)
	up.Start()
	t.Cleanup(up.Close)
	w := newWorld(t, nil)
	for _, protocol := range []string{catalog.ProtocolH2C, catalog.ProtocolGRPC} {
		i := instanceAt(t, up.URL, bluePro, "b")
		i.Protocol = protocol
		w.apply(7, configured(catalog.Traffic{}, i))
		res, body := w.do(w.request(http.MethodPost, "web.proxy.example", "/", strings.NewReader("hello")))
		require.Equal(t, http.StatusOK, res.StatusCode, body)
		require.Equal(t, "hello", body)
		require.Equal(t, "0", res.Trailer.Get("Grpc-Status"), "%v", res)
	}
}

func TestDebugHeadersAreForThoseWhoMayKnow(t *testing.T) {
	open, err := router.ParseNetworks([]string{"127.0.0.0/8"})
	require.NoError(t, err)
	forger := serveUpstream(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Teal-Target", "forged") })
	i := instanceAt(t, forger.URL, bluePro, "b1")
	i.Release = "r7"
	s := web(catalog.PointTo(bluePro), i)

	w := newWorld(t, func(o *router.Options) { o.Debug = open })
	w.apply(41, s)
	res, _ := w.get("web.proxy.example", "/")
	require.Equal(t, []string{"blue-production", "n1/b1", "r7", "41"}, []string{
		res.Header.Get("X-Teal-Target"), res.Header.Get("X-Teal-Instance"), res.Header.Get("X-Teal-Release"), res.Header.Get("X-Teal-Index"),
	})

	w = newWorld(t, nil)
	w.apply(41, s)
	res, _ = w.get("web.proxy.example", "/")
	require.Empty(t, res.Header.Values("X-Teal-Target"), "nobody else is told, nor lied to")
	require.Empty(t, res.Header.Values("X-Teal-Index"))
}

func TestASplitSetsItsCookie(t *testing.T) {
	w := newWorld(t, nil)
	v, err := catalog.ParseAliasValue("green-production=50,blue-production=50")
	require.NoError(t, err)
	own := serveUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
	})
	w.apply(7, web(v, instanceAt(t, own.URL, bluePro, "b"), instanceAt(t, own.URL, greenPro, "g")))
	res, _ := w.get("web.proxy.example", "/")
	var names []string
	for _, c := range res.Cookies() {
		names = append(names, c.Name)
	}
	require.ElementsMatch(t, []string{"teal-web", "session"}, names)
}

func TestStreamsLeaveATargetThatIsNoLongerLive(t *testing.T) {
	w := newWorld(t, nil)
	events := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: hello\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	apply := func(index uint64, live catalog.Target) {
		s := configured(catalog.Traffic{DrainMS: 1},
			instanceAt(t, events.URL, bluePro, "b"), instanceAt(t, events.URL, greenPro, "g"))
		s.Aliases["production"] = catalog.Alias{Name: "production", Value: catalog.PointTo(live), Index: index}
		w.apply(index, s)
	}
	apply(7, bluePro)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	res, err := http.DefaultTransport.RoundTrip(w.request(http.MethodGet, "web.proxy.example", "/", nil).WithContext(ctx))
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, int64(1), w.inFlight("blue-production"))
	requireRead(t, res.Body, "data: hello\n\n")
	apply(8, greenPro)
	rest, err := io.ReadAll(res.Body)
	require.NoError(t, err, "it ends as if the service had ended it")
	require.Empty(t, rest)
	require.Eventually(t, func() bool { return w.inFlight("blue-production") == 0 }, 20*time.Second, time.Millisecond)
}

func TestCallsLeaveATargetThatIsNoLongerLive(t *testing.T) {
	w := newWorld(t, nil)
	const message = "\x00\x00\x00\x00\x02hi"
	calls := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = io.WriteString(w, message)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	s := func(live catalog.Target) *catalog.Service {
		one := configured(catalog.Traffic{DrainMS: 1}, instanceAt(t, calls.URL, bluePro, "b"), instanceAt(t, calls.URL, greenPro, "g"))
		one.Aliases["production"] = catalog.Alias{Name: "production", Value: catalog.PointTo(live)}
		return one
	}
	w.apply(7, s(bluePro))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	res, err := http.DefaultTransport.RoundTrip(w.request(http.MethodPost, "web.proxy.example", "/", nil).WithContext(ctx))
	require.NoError(t, err)
	defer res.Body.Close()
	requireRead(t, res.Body, message)
	w.apply(8, s(greenPro))
	rest, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Empty(t, rest)
	require.Equal(t, "14", res.Trailer.Get("Grpc-Status"), "the client is told to call again")
}

// requireRead reads what must come next.
func requireRead(t *testing.T, from io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	_, err := io.ReadFull(from, got)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}
