package consul_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
)

// A check that turns critical when nothing is left but to commit takes the
// flips of all services with it, and its own service is named.
func TestACheckTurnsCriticalAtTheCommit(t *testing.T) {
	var turn sync.Once
	var other *consul.Store
	addr := gated(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v1/txn" {
			turn.Do(func() { _ = other.Report(t.Context(), "api:ttl", catalog.Critical, "") })
		}
		return false
	})
	s := newStore(t, addr)
	other = newStore(t, addr)
	register(t, s, "web", "api")
	flip := func(service string) catalog.Flip {
		found, err := s.Service(t.Context(), service)
		require.NoError(t, err)
		require.Len(t, found.Instances, 1)
		to := catalog.Target{Colour: catalog.Blue, Environment: "production"}
		return catalog.Flip{Service: service, Alias: "production", To: catalog.PointTo(to), At: time.Unix(1, 0), Guards: found.Instances}
	}
	_, err := s.FlipTogether(t.Context(), []catalog.Flip{flip("web"), flip("api")})
	require.ErrorIs(t, err, catalog.ErrUnhealthy)
	require.ErrorContains(t, err, "a check of api of api turned critical")
	for _, service := range []string{"web", "api"} {
		now, err := s.Service(t.Context(), service)
		require.NoError(t, err)
		require.Empty(t, now.Aliases)
	}
}
