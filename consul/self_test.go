package consul

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"
)

func TestSelfIsAwaited(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 4 {
			http.Error(w, "No cluster leader", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(`{"Config":{"NodeName":"n1"},"Member":{"Addr":"10.0.0.1"}}`))
	}))
	defer server.Close()
	var log bytes.Buffer
	s, err := New(Options{Address: server.Listener.Addr().String(), Logger: hclog.New(&hclog.LoggerOptions{Output: &log})})
	require.NoError(t, err)
	failures := 0
	node, address, err := s.AwaitSelf(t.Context(), func(error) { failures++ })
	require.NoError(t, err)
	require.Equal(t, []string{"n1", "10.0.0.1"}, []string{node, address})
	require.Equal(t, 3, failures)
	require.Equal(t, 1, strings.Count(log.String(), "waiting for Consul"), log.String())
	require.Equal(t, 1, strings.Count(log.String(), "Consul answers"), log.String())
}

func TestAwaitingSelfEndsWithItsContext(t *testing.T) {
	s, err := New(Options{Address: "127.0.0.1:1"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err = s.AwaitSelf(ctx, func(err error) {
		require.ErrorContains(t, err, "cannot reach Consul at 127.0.0.1:1")
		cancel()
	})
	require.ErrorIs(t, err, context.Canceled)
}
