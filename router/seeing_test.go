package router_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"teal/catalog"
	"teal/router"
)

// lines collects what an access log writes.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// await is the first n lines.
func (l *lines) await(t *testing.T, n int) []map[string]any {
	t.Helper()
	var all []map[string]any
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		all = nil
		for line := range strings.Lines(l.text.String()) {
			var one map[string]any
			if json.Unmarshal([]byte(line), &one) == nil {
				all = append(all, one)
			}
		}
		return len(all) >= n
	}, 20*time.Second, time.Millisecond)
	return all
}

func TestAccessLog(t *testing.T) {
	out := &lines{}
	w := newWorld(t, func(o *router.Options) { o.AccessLog = router.NewAccessLog(out, 1) })
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, upstream(t, "hello").URL, bluePro, "b")))
	_, _ = w.get("web.proxy.example", "/a%20b?secret=1")
	_, _ = w.get("nobody.proxy.example", "/")
	log := out.await(t, 2)
	require.Equal(t, "/a%20b", log[0]["path"])
	for key, want := range map[string]any{
		"method": "GET", "host": "web.proxy.example", "status": 200.0, "bytes": 5.0, "client": "127.0.0.1", "protocol": "HTTP/1.1",
		"service": "web", "alias": "production", "target": "blue-production", "instance": "n1/b", "class": "2xx", "retries": 0.0,
	} {
		require.Equal(t, want, log[0][key], key)
	}
	require.NotEmpty(t, log[0]["request_id"])
	require.Greater(t, log[0]["seconds"], 0.0)
	require.NotContains(t, out.text.String(), "secret", "queries may hold secrets")
	require.Equal(t, 404.0, log[1]["status"])
	require.Equal(t, router.CodeUnknown, log[1]["code"])
}

func TestASampledAccessLogHasWhatWentWrong(t *testing.T) {
	out := &lines{}
	w := newWorld(t, func(o *router.Options) { o.AccessLog = router.NewAccessLog(out, 0) })
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, upstream(t, "hello").URL, bluePro, "b")))
	_, _ = w.get("web.proxy.example", "/")
	w.apply(8, web(catalog.PointTo(bluePro), instanceAt(t, refusing(t), bluePro, "b")))
	_, _ = w.get("web.proxy.example", "/")
	log := out.await(t, 1)
	require.Len(t, log, 1)
	require.Equal(t, 502.0, log[0]["status"])
}

func TestSpans(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	w := newWorld(t, func(o *router.Options) { o.Tracer = sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)) })
	var seen string
	up := serveUpstream(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Get("Traceparent") })
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, up.URL, bluePro, "b")))
	req := w.request(http.MethodGet, "web.proxy.example", "/x", nil)
	req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	_, _ = w.do(req)
	require.Eventually(t, func() bool { return len(spans.Ended()) == 1 }, 20*time.Second, time.Millisecond)
	span := spans.Ended()[0]
	require.Equal(t, "GET web", span.Name())
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", span.SpanContext().TraceID().String(), "it is of the client's trace")
	require.Equal(t, "b7ad6b7169203331", span.Parent().SpanID().String())
	require.Contains(t, seen, span.SpanContext().SpanID().String(), "the service is told of the router's span")
	attributes := map[string]string{}
	for _, a := range span.Attributes() {
		attributes[string(a.Key)] = a.Value.String()
	}
	require.Equal(t, "200", attributes["http.response.status_code"])
	require.Equal(t, "blue-production", attributes["teal.target"])

	w.apply(8, web(catalog.PointTo(bluePro), instanceAt(t, refusing(t), bluePro, "b")))
	_, _ = w.get("web.proxy.example", "/")
	require.Eventually(t, func() bool { return len(spans.Ended()) == 2 }, 20*time.Second, time.Millisecond)
	require.Equal(t, codes.Error, spans.Ended()[1].Status().Code)
}
