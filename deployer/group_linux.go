package deployer

import "syscall"

// ownGroup puts a command into a process group of its own, and ends it with a
// deployer that is killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
