package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxBodySize bounds bodies other than key values and transactions.
const maxBodySize = 1 << 20

// httpError is an error with the status it is answered with. Other errors are
// answered with 500, as Consul does for most of what a client gets wrong.
type httpError struct {
	status int
	text   string
	// allow lists the methods that would have been right.
	allow []string
}

func (e *httpError) Error() string { return e.text }

// consulError makes an error in Consul's words, which clients may know,
// whatever their spelling.
func consulError(format string, args ...any) error {
	return fmt.Errorf(format, args...)
}

func badRequest(format string, args ...any) error {
	return &httpError{status: http.StatusBadRequest, text: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &httpError{status: http.StatusNotFound, text: fmt.Sprintf(format, args...)}
}

func tooLarge(format string, args ...any) error {
	return &httpError{status: http.StatusRequestEntityTooLarge, text: fmt.Sprintf(format, args...)}
}

// reply is a successful answer, or a refusal that has a body.
type reply struct {
	// status is 200 if zero.
	status int
	// body is encoded as JSON, unless it is a []byte; nil is no body.
	body any
	// index is sent with the headers of a query if not zero.
	index uint64
}

// endpoint answers a request. id is what follows the pattern in the path.
type endpoint func(r *http.Request, id string) (reply, error)

// routes builds the mux. A pattern that ends in a slash takes an id.
func (s *Store) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/", unknownPath)
	for pattern, methods := range map[string]map[string]endpoint{
		"/v1/status/leader":              {"GET": s.leader},
		"/v1/agent/self":                 {"GET": s.agentSelf},
		"/v1/agent/services":             {"GET": s.agentServices},
		"/v1/agent/service/":             {"GET": s.agentService},
		"/v1/agent/checks":               {"GET": s.agentChecks},
		"/v1/agent/service/register":     {"PUT": s.putAgentService},
		"/v1/agent/service/deregister/":  {"PUT": s.deleteAgentService},
		"/v1/agent/service/maintenance/": {"PUT": s.putMaintenance},
		"/v1/agent/check/register":       {"PUT": s.putAgentCheck},
		"/v1/agent/check/deregister/":    {"PUT": s.deleteAgentCheck},
		"/v1/agent/check/pass/":          {"PUT": s.putTTL(statusPassing)},
		"/v1/agent/check/warn/":          {"PUT": s.putTTL(statusWarning)},
		"/v1/agent/check/fail/":          {"PUT": s.putTTL(statusCritical)},
		"/v1/agent/check/update/":        {"PUT": s.putTTLUpdate},
		"/v1/catalog/services":           {"GET": s.catalogServices},
		"/v1/catalog/service/":           {"GET": s.catalogService},
		"/v1/catalog/nodes":              {"GET": s.catalogNodes},
		"/v1/health/service/":            {"GET": s.healthService},
		"/v1/health/node/":               {"GET": s.healthNode},
		"/v1/health/checks/":             {"GET": s.healthChecks},
		"/v1/health/state/":              {"GET": s.healthState},
		"/v1/kv/":                        {"GET": s.getKV, "PUT": s.putKV, "DELETE": s.deleteKV},
		"/v1/session/create":             {"PUT": s.putSession},
		"/v1/session/destroy/":           {"PUT": s.destroySession},
		"/v1/session/renew/":             {"PUT": s.renewSession},
		"/v1/session/info/":              {"GET": s.sessionInfo},
		"/v1/session/list":               {"GET": s.sessionList},
		"/v1/session/node/":              {"GET": s.nodeSessions},
		"/v1/txn":                        {"PUT": s.putTxn},
	} {
		mux.HandleFunc(pattern, s.serve(pattern, methods))
	}
	return mux
}

func unknownPath(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusNotFound)
	if strings.Contains(r.URL.Path, "/v1/") {
		fmt.Fprintln(w, "Invalid URL path: not a recognized HTTP API endpoint")
		return
	}
	fmt.Fprintln(w, "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'")
}

// serve dispatches by method and writes the answer.
func (s *Store) serve(pattern string, methods map[string]endpoint) http.HandlerFunc {
	allow := []string{"OPTIONS"}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if methods[method] != nil {
			allow = append(allow, method)
		}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.Header().Set("Allow", strings.Join(allow, ","))
			return
		}
		if strings.ContainsFunc(r.URL.Path, unprintable) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer, err := s.dispatch(r, pattern, methods[r.Method], allow)
		if err != nil {
			s.writeError(w, r, err)
			return
		}
		s.writeReply(w, r, answer)
	}
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func (s *Store) dispatch(r *http.Request, pattern string, run endpoint, allow []string) (reply, error) {
	if run == nil {
		return reply{}, &httpError{http.StatusMethodNotAllowed, fmt.Sprintf("method %s not allowed", r.Method), allow}
	}
	params := r.URL.Query()
	if dc := params.Get("dc"); dc != "" && dc != s.opts.Datacenter {
		return reply{}, consulError("No path to datacenter")
	}
	if params.Has("filter") && !slices.Contains(filterable, pattern) {
		return reply{}, badRequest("filter is not served for %s by the embedded store; use a Consul agent", pattern)
	}
	return run(r, strings.TrimPrefix(r.URL.Path, pattern))
}

func (s *Store) writeError(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	var known *httpError
	if errors.As(err, &known) {
		status = known.status
		if known.allow != nil {
			w.Header().Set("Allow", strings.Join(known.allow, ","))
		}
	}
	s.logger.Debug("request refused", "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprint(w, err)
}

func (s *Store) writeReply(w http.ResponseWriter, r *http.Request, answer reply) {
	header := w.Header()
	if answer.index > 0 {
		header.Set("X-Consul-Index", strconv.FormatUint(answer.index, 10))
		header.Set("X-Consul-KnownLeader", "true")
		header.Set("X-Consul-LastContact", "0")
	}
	body, raw := answer.body.([]byte)
	switch {
	case raw: // a key's bare value: keep browsers from running what it holds
		header.Set("Content-Type", "text/plain; charset=utf-8")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "sandbox")
	case answer.body != nil:
		var err error
		if body, err = encode(r, answer.body); err != nil {
			s.writeError(w, r, err)
			return
		}
		header.Set("Content-Type", "application/json")
	}
	w.WriteHeader(max(answer.status, http.StatusOK))
	_, _ = w.Write(body) // the client may be gone, which concerns nobody else
}

// encode returns body as JSON, indented if the request asks for it.
func encode(r *http.Request, body any) ([]byte, error) {
	if !r.URL.Query().Has("pretty") {
		return json.Marshal(body)
	}
	data, err := json.MarshalIndent(body, "", "    ")
	return append(data, '\n'), err
}

// decode reads a JSON body strictly.
func decode(r *http.Request, into any) error {
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxBodySize))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return badRequest("Request decode failed: %v", err)
	}
	return nil
}

// queried turns what a query read into a reply.
func queried(found answer, err error) (reply, error) {
	return reply{body: found.body, index: found.index}, err
}

// flag reads a parameter that may be given without a value.
func flag(r *http.Request, name string) (bool, error) {
	params := r.URL.Query()
	if !params.Has(name) {
		return false, nil
	}
	if params.Get(name) == "" {
		return true, nil
	}
	set, err := strconv.ParseBool(params.Get(name))
	if err != nil {
		return false, badRequest("Invalid value for ?%s", name)
	}
	return set, nil
}
