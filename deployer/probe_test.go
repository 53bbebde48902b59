package deployer

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/servicefile"
)

func TestChecksThatSayNothingAreAskedAgain(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/health", r.URL.Path)
		http.Error(w, "no database", http.StatusServiceUnavailable)
	}))
	defer server.Close()
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	instances := []catalog.Instance{
		{ID: "a", Node: "n", Address: host, Port: number},
		{ID: "b", Node: "n", Address: host, Port: 1},
		{ID: "c", Node: "n", Address: host, Port: number},
	}
	checks := []FailedCheck{{Instance: "a", Node: "n"}, {Instance: "b", Node: "n"}, {Instance: "c", Node: "n", Output: "known"}}
	fillOutputs(t.Context(), checks, instances, servicefile.Check{HTTP: "/health"})
	require.Contains(t, checks[0].Output, "503 Service Unavailable: no database")
	require.Contains(t, checks[1].Output, "connection refused")
	require.Equal(t, "known", checks[2].Output)
}
