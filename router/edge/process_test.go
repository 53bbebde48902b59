package edge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/router/edge"
)

// The test binary is also the process that is restarted: roleVariable says so.
const (
	roleVariable = "EDGE_TEST_ROLE"
	roleServe    = "serve" // succeed whoever serves, serve, and retire for the next
	roleDie      = "die"   // take the listeners and exit
	roleHang     = "hang"  // take the listeners and do nothing
)

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// play is the process's main: path is the hand-over socket, address the port.
func play(role, path, address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	handover, err := edge.TakeOver(ctx, path)
	if err != nil && !errors.Is(err, edge.ErrNobody) {
		return err
	}
	listener, err := handover.Listen(ctx, "proxy", address, false)
	if err != nil {
		return err
	}
	switch role {
	case roleDie:
		os.Exit(0)
	case roleHang:
		fmt.Println("hangs")
		<-ctx.Done()
	}
	return serve(ctx, path, listener, handover)
}

// serve is what a router does, from ready to retired.
func serve(ctx context.Context, path string, listener *net.TCPListener, handover *edge.Handover) error {
	polite := edge.NewPolite(listener)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Millisecond) // so that some are always under way
		_, _ = fmt.Fprint(w, os.Getpid())
	})}
	server.ConnState = polite.ConnState
	served := make(chan error, 1)
	go func() { served <- server.Serve(polite) }()
	if err := handover.Ready(ctx); err != nil {
		return err
	}
	offer := edge.Offer{Path: path, Listeners: map[string]*net.TCPListener{"proxy": listener}, Logger: hclog.Default()}
	fmt.Println("serves", listener.Addr())
	if err := offer.Run(ctx, func() { fmt.Println("retires") }); err != nil {
		return err
	}
	if err := polite.Stop(ctx); err != nil {
		return err
	}
	if err := server.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// process is one that plays a role.
type process struct {
	*exec.Cmd
	t     *testing.T
	lines *bufio.Scanner
}

func start(t *testing.T, role, path, address string) *process {
	t.Helper()
	p := &process{t: t, Cmd: exec.CommandContext(t.Context(), os.Args[0], path, address)}
	p.Env = append(os.Environ(), roleVariable+"="+role)
	p.Stderr = os.Stderr
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	p.lines = bufio.NewScanner(out)
	require.NoError(t, p.Start())
	return p
}

// says waits for the next line, which begins with a word, and answers the rest.
func (p *process) says(word string) string {
	p.t.Helper()
	require.True(p.t, p.lines.Scan(), "the process ended without saying %q", word)
	rest, ok := strings.CutPrefix(p.lines.Text(), word)
	require.True(p.t, ok, p.lines.Text())
	return strings.TrimSpace(rest)
}
