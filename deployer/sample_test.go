package deployer_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// behaviour is the variable that makes this test binary a service to deploy.
const behaviour = "DEPLOYER_TEST_SERVICE"

func TestMain(m *testing.M) {
	if how := os.Getenv(behaviour); how != "" {
		os.Exit(serve(how))
	}
	os.Exit(m.Run())
}

// serve answers with the release, or is "sick", or "crash"es.
func serve(how string) int {
	fmt.Println("starting, " + how)
	if how == "crash" {
		time.Sleep(50 * time.Millisecond)
		fmt.Println("panic: no configuration")
		return 7
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if how == "sick" {
			http.Error(w, "the database is away", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) { // longer than the grace below
		time.Sleep(1500 * time.Millisecond)
		fmt.Fprint(w, "slow "+os.Getenv("RELEASE"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getenv("RELEASE")) })
	server := &http.Server{Addr: net.JoinHostPort("127.0.0.1", os.Getenv("PORT")), Handler: mux, ReadHeaderTimeout: time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		fmt.Println(err)
		return 1
	case <-ctx.Done():
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		return 0
	}
}
