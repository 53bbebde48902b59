package deployer_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

func TestHTTPFleet(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		switch r.URL.Path {
		case "/v1/services/web/targets/blue-production":
			fmt.Fprint(w, `{"in_flight": 3, "applied": 7}`)
		case "/v1/services/web/targets/green-production":
			if n == 2 {
				http.Error(w, "a moment", http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, `{"in_flight": 0}`)
		case "/v1/services/web/targets/integration":
			http.Error(w, "no such target", http.StatusNotFound)
		case "/v1/services/odd/targets/blue-production":
			fmt.Fprint(w, "<html>")
		default:
			http.Error(w, "no", http.StatusForbidden)
		}
	}))
	fleet := deployer.NewHTTPFleet(nil)
	router := catalog.RouterRecord{ID: "r1", Admin: server.URL + "/"}

	n, err := fleet.InFlight(t.Context(), router, "web", blue)
	require.NoError(t, err)
	require.Equal(t, 3, n)

	n, err = fleet.InFlight(t.Context(), router, "web", green)
	require.NoError(t, err, "asked again after a 503")
	require.Zero(t, n)
	require.EqualValues(t, 3, asked.Load())

	n, err = fleet.InFlight(t.Context(), router, "web", catalog.Target{Environment: "integration"})
	require.NoError(t, err, "who does not know the target has no request there")
	require.Zero(t, n)

	_, err = fleet.InFlight(t.Context(), router, "odd", blue)
	require.ErrorContains(t, err, "read the answer of router r1")
	_, err = fleet.InFlight(t.Context(), router, "secret", blue)
	require.ErrorContains(t, err, "403 Forbidden")

	server.Close()
	_, err = fleet.InFlight(t.Context(), router, "web", blue)
	require.ErrorContains(t, err, "ask router r1")
}

func TestGitRevision(t *testing.T) {
	require.Empty(t, deployer.GitRevision(t.Context(), t.TempDir()))
}
