package router

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"teal/router/edge"
)

// serving is what a server is made of.
type serving struct {
	listener net.Listener
	handler  http.Handler
	tls      *tls.Config // nil for none
	h2c      bool        // HTTP/2 without TLS too, for clients that know (RFC 9113, section 3.3)
	linger   time.Duration
	grace    time.Duration
	idle     func() bool // whether nothing upgraded is under way; nil to cut that off
	log      hclog.Logger
}

// server answers the requests of one listener, and ends politely.
type server struct {
	serving
	http    *http.Server
	polite  *edge.Polite
	cut     context.CancelFunc // ends what net/http has lost sight of, such as WebSockets
	open    atomic.Int64       // connections that speak HTTP
	parting atomic.Int32       // staying, moving or leaving
}

// How far a server's end has come. In HTTP/1.1 "Connection: close" has the client
// send its next request over a new connection (RFC 9112, section 9.6); net/http
// makes it a GOAWAY in HTTP/2.
const (
	staying int32 = iota
	moving        // HTTP/1.1 clients are asked to, so that a balancer can choose anew
	leaving       // and those of HTTP/2: nothing new is accepted here
)

// newServer is a server that is not serving yet. Its listener may close once ctx
// has ended, but not before.
func newServer(ctx context.Context, o serving) *server {
	s := &server{serving: o, polite: edge.NewPolite(&vital{o.listener, ctx})}
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	s.cut = cut
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serveHTTP),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       clientIdle,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		Protocols:         new(http.Protocols),
		BaseContext:       func(net.Listener) context.Context { return requests },
		ConnState:         s.connState,
		ErrorLog:          o.log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetHTTP2(o.tls != nil)
	s.http.Protocols.SetUnencryptedHTTP2(o.h2c)
	s.listener = s.polite
	if o.tls != nil {
		s.http.TLSConfig = o.tls // for what net/http wants to know of it
		s.listener = tls.NewListener(s.polite, o.tls)
	}
	return s
}

func (s *server) address() string { return s.polite.Addr().String() }

func (s *server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	switch parting := s.parting.Load(); {
	case parting == staying, r.Header.Get("Upgrade") != "":
	case parting == leaving || r.ProtoMajor == 1:
		w.Header().Set("Connection", "close")
	}
	s.handler.ServeHTTP(w, r)
}

// part tells clients from now on that the end is near.
func (s *server) part(how int32) { s.parting.Store(how) }

func (s *server) connState(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	}
	s.polite.ConnState(c, state)
}

// vital is a listener that must not be closed before ctx has ended.
type vital struct {
	net.Listener
	ctx context.Context
}

// Accept implements net.Listener.
func (v *vital) Accept() (net.Conn, error) {
	c, err := v.Listener.Accept()
	if errors.Is(err, net.ErrClosed) && v.ctx.Err() == nil {
		return nil, errors.New("its socket was closed by somebody else")
	}
	return c, err
}
