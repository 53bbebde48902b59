package router_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"bufio"

	"teal/catalog"
)

func TestZEarly413(t *testing.T) {
	w := newWorld(t, nil)
	up := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(413)
		_, _ = io.WriteString(w, "too large")
	})
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b")))
	count := map[string]int{}
	direct := map[string]int{}
	for range 100 {
		for _, u := range []string{w.proxy.URL, up.URL} {
			r, _ := http.NewRequest("POST", u+"/", bytes.NewReader(make([]byte, 8<<20)))
			r.Host = "web.proxy.example"
			m := count
			if u == up.URL { m = direct }
			res, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				m["err "+err.Error()[max(0,len(err.Error())-30):]]++
				continue
			}
			b, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil { m["body err"]++; continue }
			m[res.Status+" "+string(b[:min(20,len(b))])+" "+res.Header.Get("X-Teal-Error")]++
		}
	}
	t.Log("router", count)
	t.Log("direct", direct)
}

func TestZGoaway(t *testing.T) {
	w := newWorld(t, nil)
	start := func() *httptest.Server {
		up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Millisecond)
			_, _ = io.Copy(w, r.Body) }))
		up.Config.Protocols = new(http.Protocols)
		up.Config.Protocols.SetUnencryptedHTTP2(true)
		up.Start()
		return up
	}
	a := start()
	i := instanceAt(t, a.URL, bluePro, "a")
	i.Protocol = "h2c"
	w.apply(7, web(catalog.PointTo(bluePro), i))
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := map[string]int{}
	for range 16 {
		wg.Go(func() {
			for ctx.Err() == nil {
				res, body := w.do(w.request("POST", "web.proxy.example", "/", strings.NewReader("hello")))
				mu.Lock()
				if res.StatusCode == 200 { body = "" }
				count[res.Status+" "+res.Header.Get("X-Teal-Error")+body]++
				mu.Unlock()
			}
		})
	}
	for range 10 {
		time.Sleep(50 * time.Millisecond)
		b := start()
		i := instanceAt(t, b.URL, bluePro, "b")
		i.Protocol = "h2c"
		w.apply(8, web(catalog.PointTo(bluePro), i))
		old := a; go func() { old.Config.Shutdown(context.Background()) }()
		a = b
	}
	stop()
	wg.Wait()
	t.Log(count)
}

// idle conn closed by instance right as reused
func TestZStale(t *testing.T) {
	w := newWorld(t, nil)
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil { return }
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				q, err := http.ReadRequest(r)
				if err != nil { return }
				io.Copy(io.Discard, q.Body)
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				time.Sleep(time.Millisecond)
			}()
		}
	}()
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, l.Addr().String(), bluePro, "b")))
	for _, method := range []string{"GET", "POST"} {
	count := map[string]int{}
	for n := range 1000 {
		var body io.Reader
		if method == "POST" { body = strings.NewReader("hello") }
		res, _ := w.do(w.request(method, "web.proxy.example", "/", body))
		count[res.Status+" "+res.Header.Get("X-Teal-Error")]++
		time.Sleep(time.Duration(700+n%10*50) * time.Microsecond)
	}
	t.Log(method, count)
	}
}
