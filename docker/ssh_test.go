package docker

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// dialVariable makes this program `docker system dial-stdio` for an address.
const dialVariable = "TEAL_TEST_DIAL"

func TestMain(m *testing.M) {
	if addr := os.Getenv(dialVariable); addr != "" {
		dialStdio(addr)
		return
	}
	os.Exit(m.Run())
}

func dialStdio(addr string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(os.Stdout, conn)
}

// fakeSSH puts an ssh on the PATH that writes its arguments into the file it
// answers and then runs a line of shell.
func fakeSSH(t *testing.T, line string) (asked string) {
	t.Helper()
	dir := t.TempDir()
	asked = filepath.Join(dir, "asked")
	script := fmt.Sprintf("#!/bin/sh\necho \"$@\" >> %s\n%s\n", asked, line)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o700))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return asked
}

func TestAnEngineOverSSH(t *testing.T) {
	behind := fakeEngine(t, map[string]http.HandlerFunc{
		"/containers/json":   says(`[{"Id":"a"}]`),
		"/containers/a/json": says(`{"Id":"a","Name":"/a","State":{"Running":true}}`),
	})
	program, err := os.Executable()
	require.NoError(t, err)
	asked := fakeSSH(t, fmt.Sprintf("%s=%s exec %s", dialVariable, strings.TrimPrefix(behind.Name(), "tcp://"), program))
	engine, err := New("ssh://deploy@web-1:2222/run/other.sock")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })

	require.Equal(t, "ssh://deploy@web-1:2222/run/other.sock", engine.Name())
	require.NoError(t, engine.Ping(t.Context()))
	for range 3 {
		all, err := engine.Containers(t.Context())
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, "a", all[0].Name)
	}
	said, err := os.ReadFile(asked)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	require.Regexp(t, `-l deploy .*-p 2222 .*web-1 docker '--host=unix:///run/other.sock' system dial-stdio$`, lines[0])
	require.LessOrEqual(t, len(lines), 2, "connections are kept: one of the SDK, one for texts")
}

func TestSSHThatIsRefused(t *testing.T) {
	fakeSSH(t, "echo 'deploy@web-1: Permission denied (publickey).' >&2; exit 255")
	engine, err := New("ssh://deploy@web-1")
	require.NoError(t, err)
	err = engine.Ping(t.Context())
	require.ErrorContains(t, err, "cannot reach Docker at ssh://deploy@web-1")
	require.ErrorContains(t, err, "Permission denied (publickey)")
}

// A host drops logins when too many come at once.
func TestLoginsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int32
		near, far := net.Pipe()
		logins := &sshLogins{turns: make(chan struct{}, maxLogins), dial: func(context.Context, string, string) (net.Conn, error) {
			if begun.Add(1) == 1 {
				return near, nil
			}
			idle, _ := net.Pipe()
			return idle, nil
		}}
		first, err := logins.begin(t.Context(), "", "")
		require.NoError(t, err)
		for range 2 * maxLogins {
			go func() { _, _ = logins.begin(t.Context(), "", "") }()
		}
		synctest.Wait()
		require.EqualValues(t, maxLogins, begun.Load())

		go func() { _, _ = first.Read(make([]byte, 1)) }()
		_, err = far.Write([]byte("x"))
		require.NoError(t, err)
		synctest.Wait()
		require.EqualValues(t, maxLogins+1, begun.Load(), "the first has come through")

		time.Sleep(loginTime)
		synctest.Wait()
		require.EqualValues(t, 1+2*maxLogins, begun.Load(), "nothing was heard of the others for long enough")

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = logins.begin(ctx, "", "")
		require.ErrorIs(t, err, context.Canceled)
		time.Sleep(loginTime)
	})
}

func TestSSHIsNotInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	engine, err := New("ssh://web-1")
	require.NoError(t, err)
	require.ErrorContains(t, engine.Ping(t.Context()), `"ssh": executable file not found`)
}
