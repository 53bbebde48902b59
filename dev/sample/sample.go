// Package sample is a small web service to deploy where there is no Docker: it
// says which release it is, is well after a moment, and ends politely.
package sample

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// Answer is what the service says to every request.
type Answer struct {
	Service string `json:"service"`
	Release string `json:"release"`
	Process int    `json:"process"`
	Path    string `json:"path"`
}

const (
	// warmUp is how long the service is up before it is well, as real ones are.
	warmUp = 200 * time.Millisecond
	// grace is how long requests may take once the service was asked to end.
	grace = 5 * time.Second
)

// Run serves on 127.0.0.1:port until ctx ends.
func Run(ctx context.Context, port, release string) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return fmt.Errorf("listen for requests to the sample service: %w", err)
	}
	server := &http.Server{Handler: handler(release, time.Now()), ReadHeaderTimeout: grace}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		stopped <- server.Shutdown(end)
	}()
	fmt.Printf("sample %s answers on %s\n", release, l.Addr())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the sample service: %w", err)
	}
	return <-stopped
}

func handler(release string, began time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if time.Since(began) < warmUp {
			http.Error(w, "warming up", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "well")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(Answer{Service: "web", Release: release, Process: os.Getpid(), Path: r.URL.Path})
	})
	return mux
}
