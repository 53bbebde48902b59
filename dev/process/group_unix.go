//go:build unix && !linux

package process

import (
	"errors"
	"syscall"
)

// ownGroup puts a process into a group of its own, to be signalled whole. Other
// systems than Linux know no parent-death signal: there, a killed program leaves
// its processes behind.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// isolate fails: other systems than Linux have no networks for single processes.
func isolate(*syscall.SysProcAttr) error { return errNotIsolated(errors.ErrUnsupported) }
