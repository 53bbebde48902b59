package stream_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/router/stream"
)

// errBroken is what a read ends with once it is interrupted.
var errBroken = errors.New("interrupted")

// body is one whose instance says what is written to w.
func body(t *testing.T, kind stream.Kind, patience time.Duration) (b *stream.Body, w *io.PipeWriter) {
	r, w := io.Pipe()
	b = stream.NewBody(r, kind, func() { _ = r.CloseWithError(errBroken) }, patience, stream.Clock{})
	t.Cleanup(func() { _ = b.Close() })
	return b, w
}

func TestLeaveBody(t *testing.T) {
	for name, c := range map[string]struct {
		kind                stream.Kind
		before, after, want string
		patience            time.Duration
		err                 error
	}{
		"between events":           {kind: stream.Events, before: "data: 1\n\n", want: "data: 1\n\n", patience: long},
		"within one that ends":     {kind: stream.Events, before: "data: 1\n\ndata: 2", after: "2\n\ndata: 3\n", want: "data: 1\n\ndata: 22\n\n", patience: long},
		"within one that does not": {kind: stream.Events, before: "data: 1\n\ndata: 2", want: "data: 1\n\ndata: 2", patience: time.Millisecond},
		"within a line that ends":  {kind: stream.Lines, before: "{", after: "}\n{", want: "{}\n", patience: long},
		"within a line":            {kind: stream.Lines, before: "{", want: "{", patience: time.Millisecond, err: stream.ErrLeft},
		"within bytes":             {kind: stream.Bytes, before: "abc\n\n", want: "abc\n\n", patience: long, err: stream.ErrLeft},
	} {
		t.Run(name, func(t *testing.T) {
			b, w := body(t, c.kind, c.patience)
			go func() { _, _ = io.WriteString(w, c.before) }()
			before := make([]byte, len(c.before))
			_, err := io.ReadFull(b, before)
			require.NoError(t, err)
			b.Leave()
			b.Leave()
			go func() { _, _ = io.WriteString(w, c.after) }()
			after, err := io.ReadAll(b)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, string(before)+string(after))
			n, err := b.Read(make([]byte, 1))
			require.Zero(t, n)
			require.Error(t, err, "the end is no end")
		})
	}
}

func TestLeaveInterruptsARead(t *testing.T) {
	b, _ := body(t, stream.Events, long)
	ended := make(chan error, 1)
	go func() { _, err := b.Read(make([]byte, 10)); ended <- err }()
	b.Leave()
	require.Equal(t, io.EOF, <-ended)
}

func TestBodyWithoutLeave(t *testing.T) {
	b, w := body(t, stream.Events, long)
	go func() { _, _ = io.WriteString(w, "data: 1"); _ = w.CloseWithError(errBroken) }()
	all, err := io.ReadAll(b)
	require.Equal(t, "data: 1", string(all))
	require.ErrorIs(t, err, errBroken)
}

// TestLeaveBehindAProxy sees a whole answer at the client's: that the proxy had
// cancelled its own request to the instance is nobody's error.
func TestLeaveBehindAProxy(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer backend.Close()
	target, err := url.Parse(backend.URL)
	require.NoError(t, err)
	bodies := make(chan *stream.Body, 1)
	rp := httputil.NewSingleHostReverseProxy(target)
	rp.Transport = cancelling{bodies}
	front := httptest.NewServer(rp)
	defer front.Close()
	res, err := http.Get(front.URL)
	require.NoError(t, err)
	defer res.Body.Close()
	first := make([]byte, len("data: 1\n\n"))
	_, err = io.ReadFull(res.Body, first)
	require.NoError(t, err)
	(<-bodies).Leave()
	rest, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Empty(t, rest)
}

// cancelling is a transport whose answers can leave.
type cancelling struct{ bodies chan<- *stream.Body }

func (c cancelling) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	res, err := http.DefaultTransport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	b := stream.NewBody(res.Body, stream.KindOf(res.Header), cancel, long, stream.Clock{})
	res.Body = b
	c.bodies <- b
	return res, nil
}
