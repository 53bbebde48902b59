package consultest

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// process is a child that dies with this process.
type process struct {
	cmd *exec.Cmd
	// done holds the child's end once it came.
	done chan error
}

// startProcess starts cmd and returns once it runs. The goroutine that starts
// it keeps its operating system thread until the child has ended: the kernel
// sends the death signal when the thread that forked ends, not the process.
func startProcess(cmd *exec.Cmd) (*process, error) {
	dieWithParent(cmd)
	p := &process{cmd: cmd, done: make(chan error, 1)}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = cmd.Wait()
		if err == nil {
			err = errors.New("exit status 0")
		}
		p.done <- err
	}()
	return p, <-started
}

// end signals the child, kills it if that takes too long, and waits for it.
func (p *process) end(signal os.Signal, patience time.Duration) {
	_ = p.cmd.Process.Signal(signal) // it may have ended already
	select {
	case <-p.done:
		return
	case <-time.After(patience):
	}
	_ = p.cmd.Process.Kill()
	<-p.done
}
