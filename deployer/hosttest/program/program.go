// Package program is what the image of a host contract test runs: a small web
// server that tells what happens to it.
package program

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

// The variables that make the program misbehave, or tell more.
const (
	EnvExit       = "EXIT_CODE"   // end at once with this code
	EnvIgnore     = "IGNORE_TERM" // anything: do not end when asked to
	EnvShow       = "SHOW"        // tell of these files, which have spaces between them
	EnvInterfaces = "INTERFACES"  // anything: tell of the network interfaces
	EnvFetch      = "FETCH"       // tell what this URL answers
)

// What the program writes, a line each.
const (
	Started = "started"  // to standard output, once it listens, with its arguments after it
	Warned  = "warned"   // to standard error, just before
	Stopped = "stopping" // to standard output, when it was asked to end
	// Showed comes before a file's path, mode, owner and content, before it starts.
	Showed = "file"
	// Interfaces comes before the names of the interfaces that lead anywhere.
	Interfaces = "interfaces"
	// Fetched comes before what a URL has answered.
	Fetched = "fetched"
)

// DefaultPort is where the program listens unless PORT says otherwise.
const DefaultPort = "8080"

// Main runs the program and answers its exit code.
func Main(args []string) int {
	fmt.Fprintln(os.Stderr, Warned)
	listener, err := net.Listen("tcp", ":"+cmp.Or(os.Getenv("PORT"), DefaultPort))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer listener.Close()
	tell()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	fmt.Println(strings.Join(append([]string{Started}, args...), " "))
	if code, err := strconv.Atoi(os.Getenv(EnvExit)); err == nil {
		return code
	}
	go serve(listener)
	for range asked {
		fmt.Println(Stopped)
		if os.Getenv(EnvIgnore) == "" {
			return 0
		}
	}
	return 0
}

// serve answers every request until the program ends.
func serve(listener net.Listener) {
	_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "ok")
	}))
}
