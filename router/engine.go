package router

import (
	"context"
	"errors"
	"net"
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

// The limits of connections to instances.
const (
	dialTimeout = 2 * time.Second
	idlePerHost = 1024 // what a burst leaves behind, idleTimeout takes away
	// idleTimeout is less than the 5 s after which common servers close an idle
	// connection, so that a request does not meet that close.
	idleTimeout = 4 * time.Second
	bufferSize  = 32 << 10
)

// netEngine moves bytes with net/http.
type netEngine struct {
	transport  *http.Transport
	proxy      *httputil.ReverseProxy
	forwarding forwarding
	answers    *answerer
	log        hclog.Logger
}

func newNetEngine(f forwarding, a *answerer, log hclog.Logger) *netEngine {
	e := &netEngine{forwarding: f, answers: a, log: log}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	e.transport = &http.Transport{
		DialContext:         dialer.DialContext,
		DisableCompression:  true,
		MaxIdleConnsPerHost: idlePerHost,
		IdleConnTimeout:     idleTimeout,
	}
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
func (e *netEngine) close() { e.transport.CloseIdleConnections() }

// Forward implements engine. It panics with http.ErrAbortHandler, as net/http
// wants, when an answer broke off that had begun.
func (e *netEngine) Forward(w http.ResponseWriter, r *http.Request, c *Claim) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	f := &flight{claim: c, client: r.Context(), class: ClassGone}
	f.clock.start(c.Match.Route.Timeout, func() { cancel(errFirstByte) })
	defer func() { c.Release(f.class) }()
	w.Header()["Content-Type"] = nil // none is made up where the service sends none
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
	pr.Out.URL.Scheme = "http"
	pr.Out.URL.Host = f.claim.Address
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery // ReverseProxy drops what it can't parse
	setPath(pr.Out.URL, strings.TrimPrefix(escapedPath(pr.In), match.Prefix))
	pr.Out.Trailer = pr.In.Trailer // the same map: it is filled when the body has been read
	if !strings.EqualFold(pr.Out.Header.Get("Upgrade"), "websocket") {
		pr.Out.Header.Del("Upgrade")
		pr.Out.Header.Del("Connection")
	}
	e.forwarding.apply(pr.Out.Header, pr.In, match.Prefix)
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

// roundTrip sends a request to its claimed instance, and once more to another
// one if the first could not be reached: nothing was sent then.
func (e *netEngine) roundTrip(req *http.Request) (*http.Response, error) {
	f := flightOf(req)
	if req.Body != nil {
		req.Body = &upload{body: req.Body, flight: f}
	}
	res, err := e.attempt(f, req)
	if err != nil && f.unreachable(err) && f.claim.Again() {
		e.log.Debug("instance can't be reached, trying another", "error", err, "next", f.claim.Address)
		second := req.WithContext(req.Context())
		u := *req.URL
		u.Host = f.claim.Address
		second.URL = &u
		res, err = e.attempt(f, second)
	}
	if !f.clock.stop() && err == nil {
		_ = res.Body.Close() // the answer is given up
		return nil, errFirstByte
	}
	if err != nil {
		return nil, err
	}
	f.status = res.StatusCode
	if res.StatusCode != http.StatusSwitchingProtocols {
		res.Body = &download{ReadCloser: res.Body, flight: f}
	}
	return res, nil
}

// attempt sends a request and notes whether its instance could be reached.
func (e *netEngine) attempt(f *flight, req *http.Request) (*http.Response, error) {
	res, err := e.transport.RoundTrip(req)
	switch {
	case err == nil:
		f.claim.Reached()
	case f.unreachable(err):
		f.claim.Unreachable()
	}
	return res, err
}

// unreachable tells whether an error means that no connection could be had. A
// client that went away meanwhile has ended the dialling itself.
func (f *flight) unreachable(err error) bool { return dialFailed(err) && f.client.Err() == nil }

func dialFailed(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// failed answers a request that got no answer.
func (e *netEngine) failed(w http.ResponseWriter, r *http.Request, err error) {
	f := flightOf(r)
	if f.client.Err() != nil {
		w.WriteHeader(http.StatusBadGateway) // for nobody: the client has gone
		return
	}
	a := f.answer(r.Context(), err)
	f.status = a.Status
	e.log.Debug("request got no answer", "service", a.Service, "target", a.Target, "instance", f.claim.Address, "error", err)
	e.answers.send(w, r, a)
}

// answer is what the client is told.
func (f *flight) answer(ctx context.Context, err error) *Answer {
	c := f.claim
	switch {
	case errors.Is(context.Cause(ctx), errFirstByte) || errors.Is(err, errFirstByte):
		return c.answerFor(http.StatusGatewayTimeout, CodeTimeout,
			"did not begin to answer within "+c.Match.Route.Timeout.String()+". Try again; if it stays so, look at its log.")
	case f.uploadBroke.Load():
		return c.answerFor(http.StatusBadRequest, CodeBadRequest, "was not sent the whole request: its body broke off. Send it again.")
	case dialFailed(err):
		return c.answerFor(http.StatusBadGateway, CodeRefused, "can't be reached. Try again; if it stays so, look at its checks on the catalogue page.")
	}
	return c.answerFor(http.StatusBadGateway, CodeBroken, "gave no proper answer. Try again; if it stays so, look at its log.")
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
