package docker

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTakenPort(t *testing.T) {
	for said, want := range map[string]string{
		"driver failed programming external connectivity on endpoint web (3f1): Bind for 127.0.0.1:8080 failed: port is already allocated": "8080",
		"driver failed programming external connectivity on endpoint web (3f1): Bind for 0.0.0.0:80 failed: port is already allocated":     "80",
		"Error starting userland proxy: listen tcp4 127.0.0.1:8080: bind: address already in use":                                          "8080",
		"Error starting userland proxy: listen tcp6 [::1]:8080: bind: address already in use":                                              "8080",
		"Error starting userland proxy: listen udp4 0.0.0.0:53: bind: address already in use":                                              "53",
		"failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use":                                              "8080",
		"failed to bind host port 127.0.0.1:8080/tcp: address already in use":                                                              "8080",
		"network 8080 not found": "",
	} {
		require.Equal(t, want, takenPort(errors.New(said)), said)
	}
	require.Empty(t, takenPort(nil))
}

func TestAStartNamesTheTakenPort(t *testing.T) {
	engine := fakeEngine(t, map[string]http.HandlerFunc{
		"/containers/id/start": fails(http.StatusInternalServerError, "Bind for 127.0.0.1:8080 failed: port is already allocated"),
	})
	err := engine.Start(t.Context(), "id")
	require.ErrorContains(t, err, "port 8080 of the host is taken")
	require.ErrorContains(t, err, engine.Name())
}

func TestARestartIsNoEnd(t *testing.T) {
	waits := 0
	engine := fakeEngine(t, map[string]http.HandlerFunc{
		"/containers/id/wait": func(w http.ResponseWriter, _ *http.Request) {
			waits++
			fmt.Fprint(w, `{"StatusCode":1}`)
		},
		"/containers/id/json": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"Id":"id","State":{"Running":%t,"Restarting":%t,"ExitCode":3}}`, waits < 3, waits < 3)
		},
		"/containers/gone/wait": says(`{"StatusCode":137}`),
		"/containers/ill/wait":  says(`{"StatusCode":0,"Error":{"Message":"the engine is ill"}}`),
	})
	code, err := engine.Wait(t.Context(), "id")
	require.NoError(t, err)
	require.Equal(t, 3, code)
	require.Equal(t, 3, waits)
	code, err = engine.Wait(t.Context(), "gone")
	require.NoError(t, err, "removed as soon as it had ended")
	require.Equal(t, 137, code)
	_, err = engine.Wait(t.Context(), "ill")
	require.ErrorContains(t, err, "the engine is ill")
}
