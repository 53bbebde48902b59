package docker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// fakeEngine answers the API's paths, without their version, as a test says.
func fakeEngine(t *testing.T, paths map[string]http.HandlerFunc) *Engine {
	t.Helper()
	for _, name := range []string{"DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION"} {
		t.Setenv(name, "")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		path := r.URL.Path
		if rest, ok := strings.CutPrefix(path, "/v1.41"); ok {
			path = rest
		}
		if answer, ok := paths[path]; ok {
			answer(w, r)
		} else if path != "/_ping" {
			fail(w, http.StatusNotFound, "nothing at "+path)
		}
	}))
	t.Cleanup(server.Close)
	engine, err := New("tcp://" + server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	return engine
}

func fail(w http.ResponseWriter, code int, message string) {
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

func fails(code int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fail(w, code, message) }
}

func TestAContainerThatVanishesIsLeftOut(t *testing.T) {
	engine := fakeEngine(t, map[string]http.HandlerFunc{
		"/containers/json":      says(`[{"Id":"a"},{"Id":"b"},{"Id":"c"}]`),
		"/containers/a/json":    says(`{"Id":"a","Name":"/a","State":{"Running":true}}`),
		"/containers/c/json":    says(`{"Id":"c","Name":"/c"}`),
		"/containers/gone/json": fails(http.StatusInternalServerError, "never asked"),
	})
	all, err := engine.Containers(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, []string{"a", "c"}, []string{all[0].Name, all[1].Name})
	require.True(t, all[0].Running)
}

func TestAContainerThatCannotBeReadFailsTheList(t *testing.T) {
	engine := fakeEngine(t, map[string]http.HandlerFunc{
		"/containers/json":   says(`[{"Id":"a"},{"Id":"b"}]`),
		"/containers/a/json": says(`{"Id":"a","Name":"/a"}`),
		"/containers/b/json": fails(http.StatusInternalServerError, "the engine is ill"),
	})
	all, err := engine.Containers(t.Context())
	require.ErrorContains(t, err, "inspect container b")
	require.ErrorContains(t, err, "the engine is ill")
	require.Nil(t, all)
}

func TestListAsksForTheLabels(t *testing.T) {
	var asked string
	engine := fakeEngine(t, map[string]http.HandlerFunc{"/containers/json": func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query().Get("all") + " " + r.URL.Query().Get("filters")
		fmt.Fprint(w, `[]`)
	}})
	_, err := engine.List(t.Context(), map[string]string{"a": "1", "b": ""})
	require.NoError(t, err)
	require.Contains(t, asked, "1 ")
	require.Contains(t, asked, `"a=1":true`)
	require.Contains(t, asked, `"b=":true`)
}

func TestEventsAreCoalescedAndTheirEndIsTold(t *testing.T) {
	more := make(chan struct{})
	engine := fakeEngine(t, map[string]http.HandlerFunc{"/events": func(w http.ResponseWriter, r *http.Request) {
		for _, action := range []events.Action{events.ActionStart, events.ActionHealthStatus, events.ActionPause} {
			require.Contains(t, r.URL.Query().Get("filters"), string(action))
		}
		for range 10 {
			_ = json.NewEncoder(w).Encode(events.Message{Action: events.ActionStart})
		}
		w.(http.Flusher).Flush()
		<-more
	}})
	changes, err := engine.Changes(t.Context())
	require.NoError(t, err)
	hint(t, changes, true)
	close(more) // the stream ends
	for open := true; open; {
		select {
		case _, open = <-changes:
		case <-time.After(30 * time.Second):
			require.Fail(t, "the channel is not closed")
		}
	}
}

func TestSignalsAreToldWithTheirContainer(t *testing.T) {
	more := make(chan struct{})
	engine := fakeEngine(t, map[string]http.HandlerFunc{"/events": func(w http.ResponseWriter, r *http.Request) {
		require.Contains(t, r.URL.Query().Get("filters"), string(events.ActionKill))
		_ = json.NewEncoder(w).Encode(events.Message{
			Action: events.ActionKill, TimeNano: 5, Actor: events.Actor{ID: "c1", Attributes: map[string]string{"signal": "15"}},
		})
		w.(http.Flusher).Flush()
		<-more
	}})
	signals, err := engine.Signals(t.Context())
	require.NoError(t, err)
	select {
	case s := <-signals:
		require.Equal(t, catalog.Signal{Container: "c1", Number: 15, At: time.Unix(0, 5)}, s)
	case <-time.After(30 * time.Second):
		require.Fail(t, "no signal is told")
	}
	close(more) // the stream ends
	select {
	case _, open := <-signals:
		require.False(t, open)
	case <-time.After(30 * time.Second):
		require.Fail(t, "the channel is not closed")
	}
}

func hint(t *testing.T, changes <-chan struct{}, want bool) {
	t.Helper()
	select {
	case _, open := <-changes:
		require.Equal(t, want, open)
	case <-time.After(30 * time.Second):
		require.Fail(t, "nothing is hinted")
	}
}

func TestPullAsksOnlyForWhatIsMissing(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	here := engineWithImage(t, `{"status":"done"}`)
	id, err := here.Pull(t.Context(), "registry.example/web:1")
	require.NoError(t, err)
	require.Equal(t, "sha256:1", id)

	failing := engineWithImage(t, `{"status":"Pulling"}{"errorDetail":{"message":"no space"},"error":"no space left"}`)
	_, err = failing.Pull(t.Context(), "registry.example/web:1")
	require.ErrorContains(t, err, "pull image registry.example/web:1")
	require.ErrorContains(t, err, "no space left")
}

// engineWithImage has the image once it was pulled.
func engineWithImage(t *testing.T, progress string) *Engine {
	pulled := false
	return fakeEngine(t, map[string]http.HandlerFunc{
		"/images/registry.example/web:1/json": func(w http.ResponseWriter, _ *http.Request) {
			if !pulled {
				fail(w, http.StatusNotFound, "no such image")
				return
			}
			fmt.Fprint(w, `{"Id":"sha256:1"}`)
		},
		"/images/create": func(w http.ResponseWriter, r *http.Request) {
			require.False(t, pulled, "pulled twice")
			pulled = true
			fmt.Fprint(w, progress)
		},
	})
}

func TestANameThatIsTaken(t *testing.T) {
	engine := fakeEngine(t, map[string]http.HandlerFunc{
		"/containers/create":    fails(http.StatusConflict, "Conflict. The container name is already in use"),
		"/containers/id/json":   says(`{"Id":"id","Name":"/old"}`),
		"/containers/id/rename": fails(http.StatusConflict, "Conflict. The container name is already in use"),
	})
	_, err := engine.Create(t.Context(), catalog.ContainerSpec{Name: "web"})
	require.ErrorIs(t, err, catalog.ErrNameTaken)
	require.ErrorIs(t, engine.Rename(t.Context(), "id", "web"), catalog.ErrNameTaken)
	require.NoError(t, engine.Rename(t.Context(), "id", "old"))
}

func TestARemovalThatHasBegunIsWaitedFor(t *testing.T) {
	engine := fakeEngine(t, map[string]http.HandlerFunc{
		"/containers/id":      fails(http.StatusConflict, "removal of container id is already in progress"),
		"/containers/id/wait": says(`{"StatusCode":0}`),
	})
	require.NoError(t, engine.Remove(t.Context(), "id"))
}

func TestLogsLoseTheirHeaders(t *testing.T) {
	var framed strings.Builder
	_, _ = stdcopy.NewStdWriter(&framed, stdcopy.Stdout).Write([]byte("out\n"))
	_, _ = stdcopy.NewStdWriter(&framed, stdcopy.Stderr).Write([]byte("err\n"))
	plain := func(text string, terminal bool) string {
		var out strings.Builder
		require.NoError(t, plainLogs(&out, strings.NewReader(text), terminal))
		return out.String()
	}
	require.Equal(t, "out\nerr\n", plain(framed.String(), false))
	require.Equal(t, "out\n", plain(framed.String()[:14], false), "cut short")
	require.Equal(t, "a terminal\n", plain("a terminal\n", true))
}

func TestATerminalIsFollowed(t *testing.T) {
	var framed strings.Builder
	_, _ = stdcopy.NewStdWriter(&framed, stdcopy.Stderr).Write([]byte("plain\n"))
	asked := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			require.Equal(t, "1", r.URL.Query().Get("follow"))
			fmt.Fprint(w, text)
		}
	}
	engine := fakeEngine(t, map[string]http.HandlerFunc{
		"/containers/a/json": says(`{"Id":"a","Config":{"Tty":true}}`),
		"/containers/b/json": says(`{"Id":"b","Config":{"Tty":false}}`),
		"/containers/a/logs": asked("a terminal\n"),
		"/containers/b/logs": asked(framed.String()),
	})
	var out strings.Builder
	require.NoError(t, engine.Follow(t.Context(), "a", 3, &out))
	require.NoError(t, engine.Follow(t.Context(), "b", -1, &out))
	require.Equal(t, "a terminal\nplain\n", out.String())
	require.ErrorContains(t, engine.Follow(t.Context(), "none", 1, &out), "container none")
}
