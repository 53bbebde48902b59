package router

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"teal/catalog"
	"teal/router/limit"
)

// The code words of Teal's own answers, sent as X-Teal-Error.
const (
	CodeUnknown     = "unknown-name"   // 404: no such service, alias, target or route
	CodeAmbiguous   = "ambiguous-path" // 400: the path can be read in two ways
	CodePreview     = "preview-only"   // 403: the target is open to preview networks only
	CodeNoTarget    = "no-target"      // 503: the alias points at nothing yet
	CodeNoInstance  = "no-instance"    // 503: the target has no healthy instance
	CodeStarting    = "starting"       // 503: the router has not read the catalogue yet
	CodeRefused     = "refused"        // 502: the instance can't be reached
	CodeBroken      = "broken-off"     // 502: the instance gave no proper answer
	CodeTimeout     = "timeout"        // 504: the first byte took too long
	CodeBadRequest  = "bad-request"    // 400: the client's request broke off
	CodeUnsupported = "unsupported"    // 405: the router does not tunnel
	CodeBusy        = "busy"           // 503: the service has as many requests as it wants, and a full queue
	CodePaused      = "paused"         // 503: the alias is paused, for longer than the request could wait
	CodeMaintenance = "maintenance"    // 503: the alias is under maintenance
	CodeTooLarge    = "too-large"      // 413: the body is larger than the service takes
)

var codeWords = [...]string{
	CodeUnknown, CodeAmbiguous, CodePreview, CodeNoTarget, CodeNoInstance, CodeStarting,
	CodeRefused, CodeBroken, CodeTimeout, CodeBadRequest, CodeUnsupported,
	CodeBusy, CodePaused, CodeMaintenance, CodeTooLarge,
}

// retrySeconds is sent as Retry-After where waiting helps.
const retrySeconds = 1

// Answer is an answer of Teal's own, given in place of a service's.
type Answer struct {
	Status   int    `json:"status"`
	Code     string `json:"error,omitempty"`
	Message  string `json:"message"` // a sentence with the next step
	Service  string `json:"service,omitempty"`
	Alias    string `json:"alias,omitempty"`
	Target   string `json:"target,omitempty"`
	Location string `json:"-"` // of a redirect: an escaped path without the query
	Page     string `json:"-"` // HTML, for those who do not prefer JSON; empty for Message
}

func answerStarting() *Answer {
	return &Answer{
		Status: http.StatusServiceUnavailable, Code: CodeStarting,
		Message: "This router has just started and has not read the service catalogue yet. Try again in a second.",
	}
}

// answerUnmatched says why nothing was found.
func (d *dispatch) answerUnmatched(t *Table, m Match, ask Ask) *Answer {
	if m.Ambiguous {
		return &Answer{
			Status: http.StatusBadRequest, Code: CodeAmbiguous,
			Message: "The path can be read in more than one way: it has an empty or dot segment, or an escaped slash, backslash or dot. Write it plainly.",
		}
	}
	service, name := t.asked(ask.Host, ask.Path)
	if _, known := t.snapshot.Services.Get(service); !known || name == "" {
		return &Answer{
			Status: http.StatusNotFound, Code: CodeUnknown,
			Message: fmt.Sprintf("No service answers for host %q and this path. Check the spelling, or look at the router's catalogue page.", bareHost(ask.Host)),
		}
	}
	names := strings.Join(t.names(service, d.preview.has(ask.Peer)), ", ")
	return &Answer{
		Status: http.StatusNotFound, Code: CodeUnknown, Service: service,
		Message: fmt.Sprintf("Service %s has no alias or target called %q; it has: %s.", service, name, names),
	}
}

// names lists what can be asked of a service.
func (t *Table) names(service string, preview bool) []string {
	var names []string
	for _, l := range t.listing(service) {
		if (preview || !l.Route.Preview) && !slices.Contains(names, l.Route.Name) {
			names = append(names, l.Route.Name)
		}
	}
	slices.Sort(names)
	return names
}

func answerPreview(r *Route) *Answer {
	return &Answer{
		Status: http.StatusForbidden, Code: CodePreview, Service: r.Service, Target: r.Name,
		Message: fmt.Sprintf("Target %s of %s gets no requests through an alias and answers only to preview networks. Ask from such a network, or flip an alias to it.", r.Name, r.Service),
	}
}

// answerSlash sends /web@production to /web@production/, so that relative links
// work.
func answerSlash(path string) *Answer {
	return &Answer{
		Status: http.StatusPermanentRedirect, Location: path + "/",
		Message: "The same with a slash at the end.",
	}
}

func answerNobody(r *Route) *Answer {
	a := &Answer{Status: http.StatusServiceUnavailable, Service: r.Service, Alias: r.Alias}
	if r.Value.IsZero() {
		a.Code = CodeNoTarget
		a.Message = fmt.Sprintf("Alias %s of %s points at nothing yet. Deploy %s, or set the alias.", r.Name, r.Service, r.Service)
		return a
	}
	a.Code = CodeNoInstance
	a.Target = joinTargets(r.Value.Live())
	a.Message = fmt.Sprintf("Target %s of %s has no healthy instance. Look at its checks on the catalogue page.", a.Target, r.Service)
	if r.Alias != "" {
		a.Message = fmt.Sprintf("Alias %s of %s points at %s, which has no healthy instance. Look at its checks on the catalogue page, or flip to a target that is healthy.", r.Alias, r.Service, a.Target)
	}
	return a
}

func answerPaused(r *Route, what string) *Answer {
	return &Answer{
		Status: http.StatusServiceUnavailable, Code: CodePaused, Service: r.Service, Alias: r.Alias,
		Message: fmt.Sprintf("Alias %s of %s is paused %s. Try again in a moment.", r.Alias, r.Service, what),
	}
}

func answerMaintenance(r *Route) *Answer {
	return &Answer{
		Status: http.StatusServiceUnavailable, Code: CodeMaintenance, Service: r.Service, Alias: r.Alias, Page: r.policy.page,
		Message: fmt.Sprintf("Service %s is under maintenance. Try again later.", r.Service),
	}
}

// answerBusy says why a request got no turn, for which it would have waited so
// long.
func answerBusy(ctx context.Context, r *Route, err error, wait time.Duration) *Answer {
	if ctx.Err() != nil {
		return answerGone()
	}
	why := "and as many are waiting as may"
	if errors.Is(err, limit.ErrWaited) {
		why = "and none ended within " + wait.String()
	}
	return &Answer{
		Status: http.StatusServiceUnavailable, Code: CodeBusy, Service: r.Service, Alias: r.Alias,
		Message: fmt.Sprintf("Service %s has %d requests under way, which is its limit, %s. Try again in a second.", r.Service, r.policy.maxInFlight, why),
	}
}

// answerGone is for nobody: the client has gone while its request waited.
func answerGone() *Answer {
	return &Answer{Status: http.StatusBadGateway, Message: "The client has gone."}
}

func joinTargets(ts []catalog.Target) string {
	names := make([]string, len(ts))
	for i, t := range ts {
		names[i] = t.String()
	}
	return strings.Join(names, ", ")
}

// write sends the answer: JSON to those who prefer it, a sentence to the others.
func (a *Answer) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if a.Code != "" {
		h.Set(headerError, a.Code)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if a.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(retrySeconds))
	}
	if a.Location != "" {
		h.Set("Location", withQuery(a.Location, r.URL.RawQuery))
	}
	body := []byte(a.Message + "\n")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	switch {
	case prefersJSON(r.Header.Get("Accept")):
		h.Set("Content-Type", "application/json")
		body, _ = json.Marshal(a) // numbers and strings always can
		body = append(body, '\n')
	case a.Page != "":
		h.Set("Content-Type", "text/html; charset=utf-8")
		body = []byte(a.Page)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.Status)
	_, _ = w.Write(body) // the client may have gone
}

func withQuery(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}

// prefersJSON tells whether JSON comes before text in an Accept header.
func prefersJSON(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		kind, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "application/json", "application/*", "application/problem+json":
			return true
		case "text/html", "text/plain", "text/*", "*/*":
			return false
		}
	}
	return false
}
