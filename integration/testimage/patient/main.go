// Command patient is a web server that can be made to feel ill, and that keeps
// telling how it is in a file: the truth that a test compares Consul with.
//
//	/patient          serve
//	/patient check    exit with 1 unless it is well, for HEALTHCHECK
//	/patient ill      answer 503 from now on
//	/patient well     answer 200 again
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// The variables it reads: times like 1s, and whether it is ill from the start.
const (
	envIll    = "ILL"     // anything for yes, until it is told otherwise
	envWarmUp = "WARM_UP" // it answers 503 for so long
	envLinger = "LINGER"  // it serves on for so long after SIGTERM
)

const (
	addr = ":8080"
	mark = "/ill" // is there while it is to be ill
	beat = 20 * time.Millisecond
	dir  = "/truth" // shared with the test: a file of the container's name
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return serve()
	}
	switch args[0] {
	case "ill":
		return os.WriteFile(mark, nil, 0o600)
	case "well":
		return os.Remove(mark)
	case "check":
		resp, err := http.Get("http://127.0.0.1" + addr)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", resp.Status)
		}
		return nil
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func serve() error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	if os.Getenv(envIll) != "" {
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var well atomic.Bool
	failed := make(chan error, 1)
	go func() { failed <- http.ListenAndServe(addr, handler(host, &well)) }()
	go tell(filepath.Join(dir, host), time.Now().Add(duration(envWarmUp)), &well)
	select {
	case err = <-failed:
	case <-ctx.Done():
		time.Sleep(duration(envLinger))
	}
	return err
}

func handler(host string, well *atomic.Bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !well.Load() {
			http.Error(w, "ill", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, host)
	})
}

// tell touches the file while the server is well. Nobody touches it for one that
// is paused, killed or ill. The server answers so only after it was told, for who
// has seen it well may look at the file at once.
func tell(file string, from time.Time, well *atomic.Bool) {
	for ; ; time.Sleep(beat) {
		_, err := os.Stat(mark)
		if err == nil || time.Now().Before(from) {
			well.Store(false)
			continue
		}
		_ = os.WriteFile(file, nil, 0o600) // truncating sets its time
		well.Store(true)
	}
}

func duration(variable string) time.Duration {
	d, _ := time.ParseDuration(os.Getenv(variable)) // unset is none
	return d
}
