package edge

import (
	"fmt"
	"net"
	"os"
)

// socketNetwork keeps lines apart, so that a descriptor can't end up with
// another's name.
const socketNetwork = "unixpacket"

// listenUnix listens at path for this user alone. It takes the place of a socket
// that is there already, a dead process's or the predecessor's, in one step.
// The file is left behind at the end: by then it may be the successor's, and
// one that nobody listens at counts as nobody.
func listenUnix(path string) (*net.UnixListener, error) {
	info, err := os.Lstat(path)
	if err == nil && info.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf("%s is there and is no socket; name another path for the hand-over", path)
	}
	aside := fmt.Sprintf("%s.%d", path, os.Getpid())
	_ = os.Remove(aside) // of a process that had the same number and died right here
	l, err := net.ListenUnix(socketNetwork, &net.UnixAddr{Name: aside, Net: socketNetwork})
	if err != nil {
		return nil, fmt.Errorf("make the hand-over socket (paths have at most 107 bytes, and the folder must exist): %w", err)
	}
	l.SetUnlinkOnClose(false)
	err = os.Chmod(aside, 0o600)
	if err == nil {
		err = os.Rename(aside, path)
	}
	if err != nil {
		_ = l.Close() // there is an error to report already
		_ = os.Remove(aside)
		return nil, fmt.Errorf("put the hand-over socket in its place: %w", err)
	}
	return l, nil
}
