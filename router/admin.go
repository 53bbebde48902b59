package router

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"teal/catalog"
	"teal/fleet"
)

// admin serves the admin API. Everybody may read, though clients outside the
// preview networks are shown less; flips have their own guard.
type admin struct {
	router *Router
}

func newAdmin(r *Router, page http.Handler) http.Handler {
	a := &admin{router: r}
	m := mux.NewRouter()
	m.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		writeError(w, http.StatusNotFound, "The admin API has no %s. Begin at /v1/services, or look at the catalogue page at /.", req.URL.Path)
	})
	m.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		writeError(w, http.StatusMethodNotAllowed, "%s does not take %s. Everything is read with GET; an alias is flipped with PUT.", req.URL.Path, req.Method)
	})
	get := func(path string, h http.Handler) { m.Handle(path, h).Methods(http.MethodGet, http.MethodHead) }
	get("/v1/services", a.onTable(a.services))
	get("/v1/services/{service}", a.onTable(a.service))
	get("/v1/services/{service}/targets/{target}", a.onTable(a.target))
	get("/v1/services/{service}/targets/{target}/instances/{node}/{id:.+}", a.onTable(a.instance))
	get("/v1/services/{service}/aliases/{alias}", a.onTable(a.alias))
	get("/v1/explain", a.onTable(a.explain))
	get("/v1/routes", a.onTable(a.routes))
	get("/v1/problems", a.onTable(a.problems))
	get("/healthz", http.HandlerFunc(a.healthz))
	get("/readyz", a.onTable(a.readyz))
	get("/metrics", promhttp.HandlerFor(r.opt.Registry, promhttp.HandlerOpts{}))
	get("/", page)
	m.Handle("/v1/services/{service}/aliases/{alias}", newFlipHandler(r)).Methods(http.MethodPut)
	return m
}

// onTable answers 503 until there is a table: "nothing in flight" must not be
// read from a router that knows nothing.
func (a *admin) onTable(h func(http.ResponseWriter, *http.Request, *Table)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := a.router.dispatch.table.Load()
		if t == nil {
			writeError(w, http.StatusServiceUnavailable, "The router has not read the service catalogue yet. Try again in a second.")
			return
		}
		h(w, r, t)
	})
}

// serviceSummary is one line of the list of services.
type serviceSummary struct {
	Name        string                        `json:"name"`
	Description string                        `json:"description,omitempty"`
	Owner       string                        `json:"owner,omitempty"`
	URI         string                        `json:"uri"`
	Aliases     map[string]catalog.AliasValue `json:"aliases"`
	Problems    int                           `json:"problems"`
}

func (a *admin) services(w http.ResponseWriter, r *http.Request, t *Table) {
	list := []serviceSummary{}
	for _, s := range a.router.viewer(t, r).services() {
		sum := serviceSummary{
			Name: s.Name, Description: s.Description, Owner: s.Owner, URI: s.URI,
			Aliases: map[string]catalog.AliasValue{}, Problems: len(s.Problems),
		}
		for _, alias := range s.Aliases {
			sum.Aliases[alias.Name] = alias.Value
		}
		list = append(list, sum)
	}
	writeJSON(w, http.StatusOK, list)
}

func (a *admin) service(w http.ResponseWriter, r *http.Request, t *Table) {
	name := mux.Vars(r)["service"]
	s := t.snapshot.Services.At(name)
	if s == nil {
		writeError(w, http.StatusNotFound, "There is no service %q. GET /v1/services lists those there are.", name)
		return
	}
	writeJSON(w, http.StatusOK, a.router.viewer(t, r).service(name, s))
}

// targetStatus is what a deployer looks at before a flip and while it drains.
type targetStatus struct {
	Service   string         `json:"service"`
	Target    string         `json:"target"`
	Known     bool           `json:"known"` // to the catalogue, or by requests that are left
	InFlight  int64          `json:"in_flight"`
	Routed    int            `json:"routed"`            // instances that get requests when the target does
	Applied   uint64         `json:"applied"`           // the alias index of the table that was asked
	Aliases   []string       `json:"aliases,omitempty"` // that send requests to the target
	Traffic   fleet.Traffic  `json:"traffic"`           // what came of its requests
	Instances []instanceView `json:"instances"`
}

// target answers for any target of any service: what is in flight is counted
// apart from the catalogue, and outlives what the catalogue says.
func (a *admin) target(w http.ResponseWriter, r *http.Request, t *Table) {
	name := mux.Vars(r)["service"]
	target, err := catalog.ParseTarget(mux.Vars(r)["target"])
	if err != nil {
		writeError(w, http.StatusBadRequest, "%v.", err)
		return
	}
	s := t.snapshot.Services.At(name)
	if s == nil {
		s = &catalog.Service{Name: name}
	}
	view := a.router.viewer(t, r).target(name, s, target)
	known := t.part(name).pool(target) != nil
	writeJSON(w, http.StatusOK, targetStatus{
		Service: name, Target: target.String(), Known: known || view.InFlight > 0,
		InFlight: view.InFlight, Routed: view.Routed, Applied: t.snapshot.AliasIndex, Instances: view.Instances,
		Aliases: t.part(name).senders(target), Traffic: a.router.ledger.traffic(name, target),
	})
}

func (a *admin) routes(w http.ResponseWriter, r *http.Request, t *Table) {
	writeJSON(w, http.StatusOK, a.router.viewer(t, r).routes())
}

func (a *admin) problems(w http.ResponseWriter, _ *http.Request, t *Table) {
	problems := a.router.problems(t)
	if problems == nil {
		problems = []catalog.Problem{}
	}
	writeJSON(w, http.StatusOK, problems)
}

func (a *admin) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"status": "alive", "id": a.router.opt.ID, "version": a.router.opt.Version})
}

func (a *admin) readyz(w http.ResponseWriter, _ *http.Request, t *Table) {
	if !a.router.announce.introduced.Load() {
		writeError(w, http.StatusServiceUnavailable, "This router has not told the fleet of itself yet. Try again in a second.")
		return
	}
	if a.router.retiring.Load() {
		writeError(w, http.StatusServiceUnavailable, "This router is about to end. Send new requests to another one.")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"status": "ready", "applied": t.snapshot.AliasIndex,
		"stale_seconds": a.router.staleFor(t.snapshot).Seconds(),
		"restored":      !t.snapshot.Restored.IsZero(), // from disk: Consul has not been read yet
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error": "The answer can't be written as JSON; look at the keys of this service."}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may have gone
}

// apiError is the body of every failure.
type apiError struct {
	Error string `json:"error"` // a sentence
}

func writeError(w http.ResponseWriter, status int, format string, args ...any) {
	writeJSON(w, status, apiError{Error: fmt.Sprintf(format, args...)})
}
