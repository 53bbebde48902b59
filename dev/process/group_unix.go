//go:build unix && !linux

package process

import "syscall"

// ownGroup puts a process into a group of its own, to be signalled whole. Other
// systems than Linux know no parent-death signal: there, a killed program leaves
// its processes behind.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
