package router

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// engine moves the bytes of requests. It knows nothing of routes: it gets a
// claim, which it may exchange once for another, and must release.
type engine interface {
	// Forward sends r to the claimed instance and its answer to w, and returns
	// when the answer has been sent to its end.
	Forward(w http.ResponseWriter, r *http.Request, c *Claim)
}

// bufferSize is that of the buffers that bodies are copied with.
const bufferSize = 32 << 10

// netEngine moves bytes with net/http.
type netEngine struct {
	transports *transports
	proxy      *httputil.ReverseProxy
	forwarding forwarding
	answers    *answerer
	log        hclog.Logger
}

func newNetEngine(f forwarding, a *answerer, log hclog.Logger) *netEngine {
	e := &netEngine{forwarding: f, answers: a, log: log, transports: newTransports()}
	e.proxy = &httputil.ReverseProxy{
		Rewrite:      e.rewrite,
		Transport:    roundTripper(e.roundTrip),
		BufferPool:   &bufferPool{},
		ErrorHandler: e.failed,
		ErrorLog:     log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	return e
}

// close drops idle connections to instances.
func (e *netEngine) close() { e.transports.close() }

// Forward implements engine. It panics with http.ErrAbortHandler, as net/http
// wants, when an answer broke off that had begun.
func (e *netEngine) Forward(w http.ResponseWriter, r *http.Request, c *Claim) {
	policy := c.pool.policy
	if policy.maxBody > 0 && r.ContentLength > policy.maxBody {
		e.answers.send(w, r, c.answerTooLarge())
		c.Status = http.StatusRequestEntityTooLarge
		c.Release(ClassOf(c.Status))
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	if policy.whole > 0 {
		defer time.AfterFunc(policy.whole, func() { cancel(errWhole) }).Stop()
	}
	f := newFlight(c, w.Header(), r.Context(), cancel)
	f.clock.start(policy.firstByte, func() { cancel(errFirstByte) })
	defer func() { c.Release(f.class) }()
	defer func() { f.forget() }()
	// A service may answer before it has read the whole body; net/http would else
	// swallow the rest of it. The error is that of a test's recorder.
	_ = http.NewResponseController(w).EnableFullDuplex()
	e.proxy.ServeHTTP(w, r.WithContext(context.WithValue(ctx, flightKey{}, f)))
	f.landed()
}

// rewrite makes the request that is sent on.
func (e *netEngine) rewrite(pr *httputil.ProxyRequest) {
	f := flightOf(pr.Out)
	match := f.claim.Match
	f.claim.address(pr.Out.URL)
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery // ReverseProxy drops what it can't parse
	setPath(pr.Out.URL, strings.TrimPrefix(escapedPath(pr.In), match.Prefix))
	pr.Out.Trailer = pr.In.Trailer // the same map: it is filled when the body has been read
	f.upgrades = strings.EqualFold(pr.Out.Header.Get("Upgrade"), "websocket") && f.claim.upgrades()
	if !f.upgrades {
		pr.Out.Header.Del("Upgrade")
		pr.Out.Header.Del("Connection")
	}
	dropToken(pr.Out.Header)
	e.forwarding.apply(pr.Out.Header, pr.In, match.Prefix)
	f.claim.RequestID = pr.Out.Header.Get("X-Request-Id")
}

// escapedPath is the path as the client wrote it, without the query.
func escapedPath(r *http.Request) string {
	if path, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(path, "/") {
		return path
	}
	return r.URL.EscapedPath() // an absolute URI, or a request made by hand
}

// setPath makes a URL be sent with this escaped path, byte for byte. net/url would
// take one that begins with two slashes for a host, so that one goes the ordinary
// way; nothing is ever cut off before two slashes.
func setPath(u *url.URL, path string) {
	switch {
	case path == "":
		u.Opaque = "/"
	case !strings.HasPrefix(path, "//"):
		u.Opaque = path
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// roundTrip sends a request to its claimed instance, and to others where that
// one failed and it is safe to.
func (e *netEngine) roundTrip(req *http.Request) (*http.Response, error) {
	f := flightOf(req)
	f.limit(req)
	res, err := e.attempt(f, req)
	for err != nil && f.mayRepeat(req, err) && f.claim.Again(f.client) {
		e.log.Debug("instance does not answer, trying another", "error", err, "next", f.claim.Address)
		req = req.WithContext(req.Context())
		u := *req.URL
		f.claim.address(&u)
		req.URL = &u
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				break
			}
		}
		res, err = e.attempt(f, req)
	}
	if !f.clock.stop() && err == nil {
		_ = res.Body.Close() // the answer is given up
		return nil, errFirstByte
	}
	if err != nil {
		return nil, err
	}
	f.begun(res)
	return res, nil
}

// attempt sends a request and notes how its instance took it.
func (e *netEngine) attempt(f *flight, req *http.Request) (*http.Response, error) {
	res, err := e.transports.of(f.claim.Protocol).RoundTrip(req)
	if err == nil && res.StatusCode < http.StatusContinue {
		_ = res.Body.Close()
		err = fmt.Errorf("its answer has the status %d, which is none", res.StatusCode) // RFC 9110, section 15
	}
	if err == nil {
		f.claim.Reached()
		return res, nil
	}
	if how, failed := f.failure(req.Context(), err); failed {
		f.claim.Failed(how)
	}
	return nil, err
}

// failed answers a request that got no answer.
func (e *netEngine) failed(w http.ResponseWriter, r *http.Request, err error) {
	f := flightOf(r)
	if f.body != nil {
		_ = f.body.Close() // of an upgrade that nobody asked for: ReverseProxy leaves it open
	}
	if f.client.Err() != nil {
		w.WriteHeader(http.StatusBadGateway) // for nobody: the client has gone
		return
	}
	a := f.answer(r.Context(), err)
	f.claim.Status = a.Status
	f.settle()
	e.log.Debug("request got no answer", "service", a.Service, "target", a.Target, "instance", f.claim.Address, "error", err)
	e.answers.send(w, r, a)
}

// bufferPool lends buffers for bodies.
type bufferPool struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, bufferSize)
}

// Put implements httputil.BufferPool.
func (p *bufferPool) Put(b []byte) { p.pool.Put(&b) }
