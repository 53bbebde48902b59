package process

import "syscall"

// memory is how many bytes of it this machine has; 0 when it does not tell.
func memory() int64 {
	var info syscall.Sysinfo_t
	if syscall.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}
