package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
)

// The limits of connections from clients. There is none for a whole request or
// answer, since streams have no end.
const (
	headerTimeout  = 10 * time.Second
	clientIdle     = 75 * time.Second
	maxHeaderBytes = 64 << 10
	// ShutdownGrace is how long requests may go on after the context has ended.
	ShutdownGrace = 30 * time.Second
)

// Serve answers a listener's requests with h until ctx ends, then lets those in
// flight finish for up to ShutdownGrace and cuts off the rest. It closes the
// listener, and returns an error only if ctx had not ended.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log hclog.Logger) error {
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut() // ends WebSockets, which Shutdown does not know of
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       clientIdle,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, end := context.WithTimeout(context.WithoutCancel(ctx), ShutdownGrace)
	defer end()
	if err := server.Shutdown(grace); err != nil {
		log.Warn("requests were cut off at the end", "address", l.Addr().String(), "grace", ShutdownGrace)
		_ = server.Close() // nothing is left to save
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}
