package registrator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"teal/catalog"
)

// problemsPath is where a registrator tells its problems.
const problemsPath = "/v1/problems"

// Handler tells people and machines how the registrator is doing: /healthz that
// it lives, /readyz whether the registrations are like the containers,
// /v1/problems which containers are not registered as they ask, and /metrics. It
// only reads.
func (a *Agent) Handler() http.Handler {
	m := report{version: a.conf.Version, status: a.Status, readyAge: a.conf.ReadyAge, now: a.conf.Now}.routes()
	m.Handle("/metrics", promhttp.HandlerFor(a.meters.registry, promhttp.HandlerOpts{})).Methods(http.MethodGet, http.MethodHead)
	return m
}

// Starting answers like Handler for a registrator that does not know its host
// yet: it lives and is not ready. why is the last reason, nil before the first,
// and is called from any goroutine.
func Starting(version string, why func() error) http.Handler {
	return report{version: version, status: func() Status { return Status{Err: why()} }, now: time.Now}.routes()
}

// report answers questions about a status.
type report struct {
	version  string
	status   func() Status
	readyAge time.Duration
	now      func() time.Time
}

func (p report) routes() *mux.Router {
	m := mux.NewRouter()
	m.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, "The registrator has no %s; it has /healthz, /readyz, /metrics and %s.", r.URL.Path, problemsPath)
	})
	m.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusMethodNotAllowed, "%s does not take %s; everything here is read with GET.", r.URL.Path, r.Method)
	})
	get := func(path string, h http.HandlerFunc) { m.Handle(path, h).Methods(http.MethodGet, http.MethodHead) }
	get("/healthz", p.healthz)
	get("/readyz", p.readyz)
	get(problemsPath, p.problems)
	return m
}

func (p report) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"status": "alive", "version": p.version})
}

// readiness is the body of /readyz.
type readiness struct {
	Status     string   `json:"status"`                // "ready" or "not ready"
	Age        *float64 `json:"age_seconds,omitempty"` // of the last good look; absent when there was none
	MaxAge     float64  `json:"max_age_seconds"`
	Error      string   `json:"error,omitempty"` // why the last look failed
	Registered int      `json:"registered"`
	Problems   int      `json:"problems"`
}

func (p report) readyz(w http.ResponseWriter, _ *http.Request) {
	s := p.status()
	body := readiness{Status: "not ready", MaxAge: p.readyAge.Seconds(), Registered: s.Registered, Problems: len(s.Problems)}
	code := http.StatusServiceUnavailable
	if !s.LastGood.IsZero() {
		age := p.now().Sub(s.LastGood)
		seconds := age.Seconds()
		body.Age = &seconds
		if age <= p.readyAge {
			body.Status, code = "ready", http.StatusOK
		}
	}
	if s.Err != nil {
		body.Error = s.Err.Error()
	}
	writeJSON(w, code, body)
}

// problems answers 503 until the containers have been seen: "no problems" must
// not be read from a registrator that knows nothing.
func (p report) problems(w http.ResponseWriter, _ *http.Request) {
	s := p.status()
	switch {
	case s.unseen() && s.Err != nil:
		writeError(w, http.StatusServiceUnavailable, "The registrator has not seen its containers yet: %v.", s.Err)
		return
	case s.unseen():
		writeError(w, http.StatusServiceUnavailable, "The registrator has not seen its containers yet. Try again in a second.")
		return
	}
	list := s.Problems
	if list == nil {
		list = []catalog.Problem{}
	}
	writeJSON(w, http.StatusOK, list)
}

// unseen tells whether nothing is known yet.
func (s Status) unseen() bool {
	return s.LastGood.IsZero() && s.Registered == 0 && len(s.Problems) == 0
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("registrator: encode %T: %v", v, err)) // the bodies hold only what JSON can
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // the client may have gone
}

// apiError is the body of every failure.
type apiError struct {
	Error string `json:"error"` // a sentence
}

func writeError(w http.ResponseWriter, code int, format string, args ...any) {
	writeJSON(w, code, apiError{Error: fmt.Sprintf(format, args...)})
}
