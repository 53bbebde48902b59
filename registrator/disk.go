package registrator

import (
	"fmt"
	"syscall"
)

// DiskFree is how many bytes can still be written at a path of this machine, less
// what is kept back for root.
func DiskFree(path string) (int64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return 0, fmt.Errorf("look how much is free at %q: %w", path, err)
	}
	return int64(fs.Bavail) * int64(fs.Bsize), nil
}

// diskToTell is what to tell of a disk: what was told before, until it is wrong by
// more than a tenth, so that the record is not written for every byte. A disk
// that is full is told as one byte, since 0 means that nobody knows. It is pure.
func diskToTell(told, now int64) int64 {
	now = max(1, now)
	if moved := max(told-now, now-told); told > 0 && moved <= told/10 {
		return told
	}
	return now
}
