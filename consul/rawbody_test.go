package consul

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRawBodies(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/none":
			w.WriteHeader(http.StatusNotFound)
		case "/cut":
			w.Header().Set("Content-Length", "100")
		}
		_, _ = io.WriteString(w, "[1]")
	}))
	defer server.Close()
	for _, test := range []struct {
		path            string
		asked           bool
		kept, body, err string
	}{
		{path: "/", asked: true, kept: "[1]", body: "[]"},
		{path: "/", body: "[1]"},
		{path: "/none", asked: true, body: "[1]"},
		{path: "/cut", asked: true, err: "unexpected EOF"},
	} {
		raw := &rawBody{}
		ctx := t.Context()
		if test.asked {
			ctx = raw.asked(ctx)
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+test.path, nil)
		require.NoError(t, err)
		resp, err := rawBodies{http.DefaultTransport}.RoundTrip(r)
		require.Equal(t, test.kept, string(raw.bytes), "%+v", test)
		if test.err != "" {
			require.ErrorContains(t, err, test.err)
			continue
		}
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, test.body, string(body), "%+v", test)
	}
}
