package router_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// transfers is an instance with everything that takes long.
func transfers(more <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ws":
			echoUpgrade(w, r)
		case "/stream":
			for n := range 5 {
				fmt.Fprintln(w, "part", n)
				w.(http.Flusher).Flush()
				<-more
			}
			fmt.Fprintln(w, "end")
		default: // answers while it is still being sent the rest
			_ = http.NewResponseController(w).EnableFullDuplex()
			_, _ = io.Copy(w, r.Body)
		}
	}
}

// TestLongTransfersOutliveFlips flips 50 times under an upload, a streaming
// answer and a WebSocket that began on blue, and under short uploads.
func TestLongTransfersOutliveFlips(t *testing.T) {
	w := newWorld(t, nil)
	more := make(chan struct{})
	blue := instanceAt(t, serveUpstream(t, transfers(more)).URL, bluePro, "b1")
	green := instanceAt(t, serveUpstream(t, transfers(more)).URL, greenPro, "g1")
	w.apply(0, web(catalog.PointTo(bluePro), blue, green))

	socket, fromSocket, res := upgrade(t, w, "websocket")
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	stream, err := http.DefaultTransport.RoundTrip(w.request(http.MethodGet, "web.proxy.example", "/stream", nil))
	require.NoError(t, err)
	defer stream.Body.Close()
	payload := randomBytes(1 << 20)
	body, pipe := io.Pipe()
	echoed := make(chan []byte, 1)
	go func() { echoed <- w.echo(body) }()
	_, err = pipe.Write(payload[:1000])
	require.NoError(t, err)
	require.Eventually(t, func() bool { return w.inFlight("blue-production") == 3 }, 20*time.Second, time.Millisecond)

	var stop atomic.Bool
	defer stop.Store(true) // else a failure would wait for the clients for ever
	var clients sync.WaitGroup
	var broken, uploads atomic.Int64
	for range 4 {
		clients.Go(func() {
			for !stop.Load() {
				uploads.Add(1)
				if !bytes.Equal(payload, w.echo(bytes.NewReader(payload))) {
					broken.Add(1)
				}
			}
		})
	}
	parts := bufio.NewReader(stream.Body)
	for n := uint64(1); n <= 50; n++ {
		live := []catalog.Target{bluePro, greenPro}[n%2]
		w.apply(n, web(catalog.PointTo(live), blue, green))
		_, err := fmt.Fprintf(socket, "%4d", n)
		require.NoError(t, err)
		said := make([]byte, 4)
		_, err = io.ReadFull(fromSocket, said)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%4d", n), string(said))
		if n%10 == 0 {
			line, err := parts.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintln("part", n/10-1), line)
			more <- struct{}{}
		}
		_, err = pipe.Write(payload[n*1000 : (n+1)*1000])
		require.NoError(t, err)
		require.GreaterOrEqual(t, w.inFlight("blue-production"), int64(2), "the upload and the WebSocket at least")
	}
	w.apply(51, web(catalog.PointTo(greenPro), blue, green))
	rest, err := io.ReadAll(parts)
	require.NoError(t, err)
	require.Equal(t, "end\n", string(rest))
	stop.Store(true)
	clients.Wait()
	require.Zero(t, broken.Load(), "of %d uploads", uploads.Load())
	require.Equal(t, int64(2), w.settled("blue-production", 2), "those that began on blue are there still")
	_, err = pipe.Write(payload[51_000:])
	require.NoError(t, err)
	require.NoError(t, pipe.Close())
	require.True(t, bytes.Equal(payload, <-echoed))
	require.Equal(t, int64(1), w.settled("blue-production", 1))
	require.NoError(t, socket.Close())
	require.Zero(t, w.settled("blue-production", 0))
	require.Zero(t, w.settled("green-production", 0))
}

// settled waits a while for a count of requests in flight, and answers the last.
func (w *world) settled(target string, want int64) (n int64) {
	w.t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if n = w.inFlight(target); n == want {
			break
		}
	}
	return n
}

// echo posts a body and answers what came back; nil for a failure.
func (w *world) echo(body io.Reader) []byte {
	res, err := http.DefaultTransport.RoundTrip(w.request(http.MethodPost, "web.proxy.example", "/", body))
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil
	}
	return got
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}
