package process

import (
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// leftovers is how long a process that has ended may leave its output open in
// the hands of its children.
const leftovers = time.Second

// run is the time from a start of a process to its final end, with the restarts
// in between.
type run struct {
	ask  sync.Once
	kill sync.Once

	asked  chan struct{} // closed when it shall end
	killed chan struct{} // closed when it shall end at once
	done   chan struct{} // closed when it has ended
	grace  time.Duration // set before asked is closed
	exit   int           // set before done is closed
}

func newRun() *run {
	return &run{asked: make(chan struct{}), killed: make(chan struct{}), done: make(chan struct{})}
}

// stop asks the run to end within the grace, or at once when that is 0. The
// first grace holds, unless a later one is 0.
func (r *run) stop(grace time.Duration) {
	r.ask.Do(func() { r.grace = grace; close(r.asked) })
	if grace <= 0 {
		r.kill.Do(func() { close(r.killed) })
	}
}

// wait waits for cmd to end, by itself or as asked, and answers its exit code.
func (r *run) wait(cmd *exec.Cmd) int {
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // the state tells more
	}()
	select {
	case <-exited:
	case <-r.asked:
		r.end(cmd, exited)
	}
	signalGroup(cmd, syscall.SIGKILL) // what it has started itself
	return exitCode(cmd)
}

func (r *run) end(cmd *exec.Cmd, exited <-chan struct{}) {
	if r.grace > 0 {
		signalGroup(cmd, syscall.SIGTERM)
		timer := time.NewTimer(r.grace)
		defer timer.Stop()
		select {
		case <-exited:
			return
		case <-timer.C:
		case <-r.killed:
		}
	}
	signalGroup(cmd, syscall.SIGKILL)
	<-exited
}

// pause waits before a restart and tells whether there shall still be one.
func (r *run) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.asked:
		return false
	}
}

// signalGroup fails only when nobody is left in the group, which is fine.
func signalGroup(cmd *exec.Cmd, signal syscall.Signal) { _ = syscall.Kill(-cmd.Process.Pid, signal) }

// exitCode is the code as Docker tells it: 128 and the signal for a process that
// was killed.
func exitCode(cmd *exec.Cmd) int {
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// commandToStart makes the process to start. It is to be called with the platform's
// lock held, since it reads the ports.
func (p *process) commandToStart() (*exec.Cmd, error) {
	if len(p.command) == 0 {
		return nil, fmt.Errorf("image %s has no command; give the container one", p.spec.Image)
	}
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Dir = p.spec.WorkingDir
	cmd.Env = environment(withPorts(p.env, p.ports))
	cmd.Stdout, cmd.Stderr = p.logs, p.logs
	cmd.WaitDelay = leftovers
	return cmd, nil
}
