package fleet_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/fleet"
)

var (
	blue  = catalog.Target{Colour: catalog.Blue, Environment: "production"}
	green = catalog.Target{Colour: catalog.Green, Environment: "production"}
)

func TestClientUnderstandsOnlyRouters(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		switch r.URL.Path {
		case "/v1/services/web/targets/blue-production":
			fmt.Fprint(w, `{"in_flight": 3, "routed": 2, "applied": 7, "known": true, "aliases": ["production"]}`)
		case "/v1/services/web/targets/green-production":
			if n == 2 {
				http.Error(w, "a moment", http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, `{"in_flight": 0}`)
		case "/v1/services/web/targets/integration":
			http.Error(w, "no such page", http.StatusNotFound)
		case "/v1/services/odd/targets/blue-production":
			fmt.Fprint(w, "<html>")
		case "/v1/services/other/targets/blue-production":
			fmt.Fprint(w, `{"status": "fine"}`)
		default:
			http.Error(w, "no", http.StatusForbidden)
		}
	}))
	client := fleet.NewClient(nil)
	t.Cleanup(client.Close)
	router := catalog.RouterRecord{ID: "r1", Admin: server.URL + "/"}

	view, err := client.Target(t.Context(), router, "web", blue)
	require.NoError(t, err)
	require.Equal(t, fleet.TargetView{InFlight: 3, Routed: 2, Applied: 7, Aliases: []string{"production"}}, view)

	view, err = client.Target(t.Context(), router, "web", green)
	require.NoError(t, err, "asked again after a 503")
	require.Zero(t, view)
	require.EqualValues(t, 3, asked.Load())

	_, err = client.Target(t.Context(), router, "web", catalog.Target{Environment: "integration"})
	require.ErrorContains(t, err, "404 Not Found", "whoever answers that is no proof that nothing is in flight")
	_, err = client.Target(t.Context(), router, "odd", blue)
	require.ErrorContains(t, err, "read the answer of router r1")
	_, err = client.Target(t.Context(), router, "other", blue)
	require.ErrorContains(t, err, "does not say what is in flight")
	_, err = client.Target(t.Context(), router, "secret", blue)
	require.ErrorContains(t, err, "403 Forbidden")

	server.Close()
	_, err = client.Target(t.Context(), router, "web", blue)
	require.ErrorContains(t, err, "ask router r1")
}
