//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// daemon is a child process that ends with the test, or with the test process.
type daemon struct {
	cmd  *exec.Cmd
	done chan error
}

// startDaemon starts cmd with its output in a file, which is shown if the test
// fails.
func startDaemon(t testing.TB, cmd *exec.Cmd) *daemon {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "output"))
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	d := &daemon{cmd: cmd, done: make(chan error, 1)}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the death signal comes when the thread that forked ends
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			d.done <- cmd.Wait()
		}
	}()
	require.NoError(t, <-started)
	t.Cleanup(func() {
		d.end(syscall.SIGTERM)
		if t.Failed() {
			text, _ := os.ReadFile(out.Name())
			t.Logf("%v said:\n%s", cmd.Args, text)
		}
		_ = out.Close()
	})
	return d
}

// end signals the daemon and waits for it, killing it if need be.
func (d *daemon) end(signal os.Signal) {
	_ = d.cmd.Process.Signal(signal) // it may have ended
	select {
	case err := <-d.done:
		d.done <- err
		return
	case <-time.After(patience):
	}
	_ = d.cmd.Process.Kill()
	d.done <- <-d.done
}
