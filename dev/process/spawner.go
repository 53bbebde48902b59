package process

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
)

var (
	// errEnded is the answer of what needs a platform that still runs.
	errEnded = errors.New("the process platform has ended; start it again")
	// errGivenUp is the answer to a start that was stopped before it happened.
	errGivenUp = errors.New("it was stopped before it had started")
)

// spawner starts processes from one thread that lives as long as they may.
//
// The kernel kills a child with a parent-death signal when the thread that
// started it ends, not when the program does, and Go ends threads as it likes.
// So the thread is kept for as long as the platform runs.
type spawner struct {
	requests chan spawnRequest
	stop     chan struct{}
}

type spawnRequest struct {
	cmd   *exec.Cmd
	reply chan error
}

func newSpawner() *spawner {
	return &spawner{requests: make(chan spawnRequest), stop: make(chan struct{})}
}

// start lets spawn work until the answered function is called, which must be
// after the last process has ended.
func (s *spawner) start() (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for {
			select {
			case r := <-s.requests:
				r.reply <- r.cmd.Start()
			case <-s.stop:
				return
			}
		}
	}()
	return func() { close(s.stop); <-done }
}

// spawn starts cmd in a process group of its own, where it is to be alone without
// a network. It waits for the spawner to be started, and gives up when that is
// asked for.
func (s *spawner) spawn(cmd *exec.Cmd, alone bool, giveUp <-chan struct{}) error {
	cmd.SysProcAttr = ownGroup()
	if alone {
		if err := isolate(cmd.SysProcAttr); err != nil {
			return err
		}
	}
	r := spawnRequest{cmd: cmd, reply: make(chan error, 1)}
	select {
	case s.requests <- r:
		err := <-r.reply
		if alone && errors.Is(err, syscall.EPERM) {
			return errNotIsolated(err)
		}
		return err
	case <-s.stop:
		return errEnded
	case <-giveUp:
		return errGivenUp
	}
}
