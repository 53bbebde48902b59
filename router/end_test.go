package router_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/router"
)

// holdSocket is a WebSocket server that says nothing and waits for the end.
func holdSocket(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_, _ = io.Copy(io.Discard, conn)
}

func TestWebSocketsAreToldTheEnd(t *testing.T) {
	w := startWholeWith(t, func(l *router.Lifecycle) { l.Grace = 8 * time.Second },
		web(catalog.PointTo(bluePro), instanceAt(t, serveUpstream(t, holdSocket).URL, bluePro, "b1")))
	conn, err := net.Dial("tcp", w.addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: web.proxy.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	require.NoError(t, err)
	answer := bufio.NewReader(conn)
	res, err := http.ReadResponse(answer, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	w.stop()
	frame, err := io.ReadAll(answer)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(frame), 4)
	require.Equal(t, []byte{0x03, 0xe9}, frame[2:4], "the code 1001: going away")
	require.NoError(t, <-w.done)
}

func TestEventStreamsEndAtABorder(t *testing.T) {
	up := serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\ndata: half of")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	w := startWholeWith(t, func(l *router.Lifecycle) { l.Grace = 4 * time.Second },
		web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b1")))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.addr+"/events", nil)
	require.NoError(t, err)
	req.Host = "web.proxy.example"
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	first := make([]byte, 9)
	_, err = io.ReadFull(res.Body, first)
	require.NoError(t, err)
	w.stop()
	_, err = io.ReadAll(res.Body)
	require.NoError(t, err, "the stream ended, rather than broke off")
	require.NoError(t, <-w.done)
}

// TestPausesDoNotHoldUpTheEnd has a request that a pause holds answered.
func TestPausesDoNotHoldUpTheEnd(t *testing.T) {
	service := web(catalog.PointTo(bluePro), instanceAt(t, refusing(t), bluePro, "b1"))
	service.Halts = map[string]catalog.Halt{"production": {Kind: catalog.HaltPause, MaxWaitMS: 3_600_000}}
	w := startWholeWith(t, func(l *router.Lifecycle) { l.Grace = 2 * time.Second }, service)
	held := make(chan string, 1)
	go func() { held <- w.web() }()
	require.Eventually(t, func() bool {
		_, body := w.ask(w.admin+"/v1/services/web/aliases/production", "admin")
		return strings.Contains(body, `"waiting": 1`)
	}, within, time.Millisecond)
	require.Empty(t, held)
	w.stop()
	require.Contains(t, <-held, "503 ")
	require.NoError(t, <-w.done)
}

func TestAddressedTo(t *testing.T) {
	w := startWhole(t, 0, web(catalog.PointTo(bluePro), instanceAt(t, refusing(t), bluePro, "b1")))
	for path, want := range map[string]int{
		"/v1/services/web/targets/blue-production": http.StatusOK,
		"/v1/services/other":                       http.StatusNotFound,
		"":                                         http.StatusOK,
	} {
		status, body := w.ask(router.AddressedTo(w.admin+"/", "r1")+path, "admin")
		require.Equal(t, want, status, body)
		status, body = w.ask(router.AddressedTo(w.admin, "r2")+path, "admin")
		require.Equal(t, http.StatusMisdirectedRequest, status)
		require.Contains(t, body, "Router r1 answers here, not r2")
	}
}
