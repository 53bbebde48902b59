package consul_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/consul"
	"teal/consul/adaptertest"
	"teal/dev/store"
)

// embedded starts the embedded store on a socket and answers its address.
func embedded(t *testing.T) string {
	s := store.New(store.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		server.Close()
	})
	return server.Listener.Addr().String()
}

func TestAdapterOnTheEmbeddedStore(t *testing.T) {
	adaptertest.Run(t, embedded)
}

func TestUnreachableAgentSaysWhatToDo(t *testing.T) {
	s, err := consul.New(consul.Options{Address: "127.0.0.1:1"})
	require.NoError(t, err)
	_, err = s.Service(t.Context(), "web")
	require.ErrorContains(t, err, "cannot reach Consul at 127.0.0.1:1")
	require.ErrorContains(t, err, "Set CONSUL_HTTP_ADDR")
}
