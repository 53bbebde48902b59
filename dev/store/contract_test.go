package store_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"teal/consul/contracttest"
	"teal/dev/store"
)

// TestContract runs what Teal relies on in Consul against the embedded store,
// over a real socket.
func TestContract(t *testing.T) {
	addr := serve(t, store.New(store.Options{}))
	contracttest.Run(t, func(*testing.T) string { return addr })
}

// serve runs a store until the test ends and returns its address.
func serve(t *testing.T, s *store.Store) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
		server.Close()
	})
	return strings.TrimPrefix(server.URL, "http://")
}
