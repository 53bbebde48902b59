package registrator

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// asked is what a handler answers to a GET.
func asked(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func readyAnswer(t *testing.T, h http.Handler) (int, readiness) {
	t.Helper()
	code, body := asked(t, h, "/readyz")
	var r readiness
	require.NoError(t, json.Unmarshal([]byte(body), &r), body)
	return code, r
}

func TestReadyWhileTheLastGoodLookIsYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{container("a", 80), labelled(container("b", 80), "SERVICE_COLOUR=red")}
		h.listFault = func() error { return errFault }
		agent := running(t, h)
		time.Sleep(time.Second)
		code, r := readyAnswer(t, agent.Handler())
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Nil(t, r.Age)
		require.Equal(t, "list the containers: a fault", r.Error)

		h.quietly(func() { h.listFault = nil })
		time.Sleep(time.Minute)
		code, r = readyAnswer(t, agent.Handler())
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, readiness{Status: "ready", Age: r.Age, MaxAge: 45, Registered: 1, Problems: 1}, r)
		require.Less(t, *r.Age, 19.0)

		h.quietly(func() { h.readFault = func() error { return errFault } })
		time.Sleep(25 * time.Second)
		code, r = readyAnswer(t, agent.Handler())
		require.Equal(t, http.StatusOK, code, "one failed look is no reason")
		require.Equal(t, "list the registrations: a fault", r.Error)
		time.Sleep(25 * time.Second)
		code, r = readyAnswer(t, agent.Handler())
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Equal(t, "not ready", r.Status)
		require.Greater(t, *r.Age, 45.0)
		code, _ = asked(t, agent.Handler(), "/healthz")
		require.Equal(t, http.StatusOK, code)
	})
}

func TestTheReadyAgeIsSettable(t *testing.T) {
	h := newFakeHost(t)
	now := time.Now()
	agent, err := New(Config{
		Options: options, Runtime: h, Registry: h, ReadyAge: time.Minute, Version: "1.2",
		Now: func() time.Time { return now },
	})
	require.NoError(t, err)
	require.NoError(t, agent.Once(t.Context()))
	now = now.Add(time.Minute)
	code, _ := readyAnswer(t, agent.Handler())
	require.Equal(t, http.StatusOK, code)
	now = now.Add(1)
	code, _ = readyAnswer(t, agent.Handler())
	require.Equal(t, http.StatusServiceUnavailable, code)
	_, body := asked(t, agent.Handler(), "/healthz")
	require.Contains(t, body, `"version": "1.2"`)
}

func TestProblemsAreAsked(t *testing.T) {
	h := newFakeHost(t)
	agent, err := New(Config{Options: options, Runtime: h, Registry: h})
	require.NoError(t, err)
	server := httptest.NewServer(agent.Handler())
	defer server.Close()
	address := server.Listener.Addr().String()

	_, err = AskProblems(t.Context(), address)
	require.ErrorContains(t, err, "has not seen its containers yet", "no problems is no answer of one that knows nothing")
	h.listFault = func() error { return errFault }
	require.Error(t, agent.Once(t.Context()))
	_, err = AskProblems(t.Context(), address)
	require.ErrorContains(t, err, "list the containers: a fault")

	h.listFault = nil
	require.NoError(t, agent.Once(t.Context()))
	problems, err := AskProblems(t.Context(), address)
	require.NoError(t, err)
	require.Empty(t, problems)
	_, body := asked(t, agent.Handler(), "/v1/problems")
	require.Equal(t, "[]\n", body)

	h.containers = []catalog.Container{labelled(container("a", 80), "SERVICE_COLOUR=red")}
	require.NoError(t, agent.Once(t.Context()))
	problems, err = AskProblems(t.Context(), server.URL+"/")
	require.NoError(t, err)
	require.Equal(t, agent.Status().Problems, problems)
	require.Len(t, problems, 1)
}

func TestAskingSomebodyElse(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"no such page": http.NotFound,
		"no JSON":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) },
	} {
		server := httptest.NewServer(answer)
		_, err := AskProblems(t.Context(), server.URL)
		server.Close()
		require.ErrorContains(t, err, "is no registrator", name)
		_, err = AskProblems(t.Context(), server.URL)
		require.ErrorContains(t, err, "cannot reach the registrator at "+server.URL)
	}
	_, err := AskProblems(t.Context(), "127.0.0.1:x y")
	require.ErrorContains(t, err, "write it like 127.0.0.1:8082")
}

func TestAStartingRegistratorLivesAndIsNotReady(t *testing.T) {
	h := Starting("1.2", func() error { return errors.New("no Consul") })
	code, _ := asked(t, h, "/healthz")
	require.Equal(t, http.StatusOK, code)
	code, r := readyAnswer(t, h)
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, "no Consul", r.Error)
	code, body := asked(t, h, "/v1/problems")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, body, "no Consul")
}

func TestOtherPathsAndMethodsAreSentences(t *testing.T) {
	h := Starting("", func() error { return nil })
	code, body := asked(t, h, "/v1/services")
	require.Equal(t, http.StatusNotFound, code)
	require.Contains(t, body, "has no /v1/services")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/problems", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Contains(t, w.Body.String(), "read with GET")
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{container("a", 80), container("b", 80), labelled(container("c", 80), "SERVICE_COLOUR=red")}
		h.listFault = func() error { return errFault }
		agent := running(t, h)
		time.Sleep(100 * time.Millisecond)
		_, text := asked(t, agent.Handler(), "/metrics")
		require.Contains(t, text, "teal_registrator_reconciles_total 1\n")
		require.Contains(t, text, "teal_registrator_reconcile_failures_total 1\n")
		require.Contains(t, text, "teal_registrator_last_good_timestamp_seconds 0\n")

		h.quietly(func() { h.listFault = nil })
		time.Sleep(2 * time.Second)
		h.change(func() { h.containers = h.containers[1:] })
		h.endStreams()
		time.Sleep(2 * time.Second)
		_, text = asked(t, agent.Handler(), "/metrics")
		for _, line := range []string{
			"reconcile_failures_total 1", `writes_total{kind="register"} 2`, `writes_total{kind="deregister"} 1`,
			"event_stream_reconnects_total 1", "registered_instances 1", "problems 1",
		} {
			require.Contains(t, text, "teal_registrator_"+line+"\n")
		}
		require.NotContains(t, text, "last_good_timestamp_seconds 0\n")
	})
}
