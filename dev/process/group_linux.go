package process

import "syscall"

// ownGroup puts a process into a group of its own, to be signalled whole, and
// has the kernel kill it when the thread that started it ends.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
