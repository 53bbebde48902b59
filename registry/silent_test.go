package registry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDigestDoesNotWaitForever(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	_, err := (&Client{patience: 50 * time.Millisecond}).Digest(t.Context(), host+"/shop:1")
	require.ErrorIs(t, err, errSilent)
	require.ErrorContains(t, err, "registry "+host+" did not answer within 50ms")
}
