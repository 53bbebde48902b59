package router

import (
	"errors"
	"net/http"

	"github.com/gorilla/mux"

	"teal/catalog"
)

// aliasStatus is what whoever halts an alias looks at: GET
// /v1/services/{service}/aliases/{alias}.
type aliasStatus struct {
	Service string `json:"service"`
	Applied uint64 `json:"applied"` // the alias index of the table that was asked
	aliasView
}

// alias answers for one alias.
func (a *admin) alias(w http.ResponseWriter, r *http.Request, t *Table) {
	name, alias := mux.Vars(r)["service"], mux.Vars(r)["alias"]
	s := t.snapshot.Services.At(name)
	if s == nil {
		writeError(w, http.StatusNotFound, "There is no service %q. GET /v1/services lists those there are.", name)
		return
	}
	route, ok := t.part(name).aliases[alias]
	if !ok {
		writeError(w, http.StatusNotFound, "Service %s has no alias %q. GET /v1/services/%s lists those there are.", name, alias, name)
		return
	}
	view := a.router.viewer(t, r).alias(s, route)
	writeJSON(w, http.StatusOK, aliasStatus{Service: name, Applied: t.snapshot.AliasIndex, aliasView: view})
}

// instanceStatus is one instance of a target.
type instanceStatus struct {
	Applied uint64 `json:"applied"` // the alias index of the table that was asked
	instanceView
}

// instance answers for one instance, one that has gone with requests left too.
func (a *admin) instance(w http.ResponseWriter, r *http.Request, t *Table) {
	vars := mux.Vars(r)
	target, err := catalog.ParseTarget(vars["target"])
	if err != nil {
		writeError(w, http.StatusBadRequest, "%v.", err)
		return
	}
	s := t.snapshot.Services.At(vars["service"])
	if s == nil {
		s = &catalog.Service{Name: vars["service"]}
	}
	for _, i := range a.router.viewer(t, r).target(vars["service"], s, target).Instances {
		if i.Node == vars["node"] && i.ID == vars["id"] {
			writeJSON(w, http.StatusOK, instanceStatus{Applied: t.snapshot.AliasIndex, instanceView: i})
			return
		}
	}
	writeError(w, http.StatusNotFound, "Target %s of %s has no instance %s on %s. GET /v1/services/%s lists those there are.",
		target, vars["service"], vars["id"], vars["node"], vars["service"])
}

// explain answers why a request goes where it goes, or how something is.
func (a *admin) explain(w http.ResponseWriter, r *http.Request, t *Table) {
	asker := networks(a.router.opt.TrustedProxies).clientOf(r)
	e, err := a.router.explain(t, a.router.viewer(t, r), questionOf(r.URL.Query()), asker)
	var no *refusal
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, e)
	case errors.As(err, &no):
		writeError(w, no.status, "%s", no.sentence)
	default:
		writeError(w, http.StatusInternalServerError, "The question can't be answered: %v.", err)
	}
}
