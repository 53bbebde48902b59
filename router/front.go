package router

import "net/http"

// front serves the proxy's listener: it has each request claim an instance, and
// hands both to the engine.
type front struct {
	dispatch *dispatch
	engine   engine
	trusted  networks
	answers  *answerer
	page     http.Handler // the catalogue
	watchers observers
}

// answerer sends Teal's own answers and counts them.
type answerer struct {
	meters *meters
}

func (a *answerer) send(w http.ResponseWriter, r *http.Request, answer *Answer) {
	if counter, ok := a.meters.answers[answer.Code]; ok {
		counter.Inc()
	}
	answer.write(w, r)
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var v visit
	if len(f.watchers) > 0 {
		var end func(*visit)
		r, end = f.watchers.begin(r)
		defer func() { end(&v) }() // also when the answer is broken off with a panic
	}
	f.serve(w, r, &v)
}

// serve answers a request itself or has it answered by an instance.
func (f *front) serve(w http.ResponseWriter, r *http.Request, v *visit) {
	if r.Method == http.MethodConnect {
		v.answer = &Answer{
			Status: http.StatusMethodNotAllowed, Code: CodeUnsupported,
			Message: "This router is no tunnel. Ask for a service by its URI.",
		}
		f.answers.send(w, r, v.answer)
		return
	}
	ask := Ask{Host: r.Host, Path: escapedPath(r), Peer: f.trusted.clientOf(r), Header: r.Header}
	c := &v.claim
	if answer := f.dispatch.begin(r.Context(), c, ask); answer != nil {
		if f.wantsPage(r.Method, answer, ask) {
			c.Status = http.StatusOK
			f.page.ServeHTTP(w, r)
			return
		}
		v.answer = answer
		f.answers.send(w, r, answer)
		return
	}
	f.engine.Forward(w, r, c)
}

// wantsPage tells whether the catalogue is what a request is after that no route
// takes: the root of the router's own name or address, from where people may
// preview.
func (f *front) wantsPage(method string, a *Answer, ask Ask) bool {
	if method != http.MethodGet && method != http.MethodHead {
		return false
	}
	if a.Code != CodeUnknown || ask.Path != "/" || !f.dispatch.preview.has(ask.Peer) {
		return false
	}
	t := f.dispatch.table.Load()
	return t != nil && t.ownHost(ask.Host)
}
