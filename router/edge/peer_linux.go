package edge

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// checkPeer refuses the other end of a Unix socket unless it is a process of the
// same user.
func checkPeer(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("ask who is at the hand-over socket: %w", err)
	}
	var peer *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) { peer, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, asked); err != nil {
		return fmt.Errorf("ask who is at the hand-over socket: %w", err)
	}
	if peer.Uid != uint32(os.Geteuid()) {
		return fmt.Errorf("the process %d at the hand-over socket runs as user %d, and this one as %d; run both as the same user",
			peer.Pid, peer.Uid, os.Geteuid())
	}
	return nil
}
