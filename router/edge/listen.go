package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listen listens for TCP at an address such as ":8080". A shared port
// (SO_REUSEPORT) may be listened at by several processes of one user, all of
// which ask for it; the kernel gives each of them its own queue of connections.
//
// That is for routers side by side, not for restarting one: when a socket of a
// shared port closes, the connections in its queue that nobody has accepted yet
// are reset. Restart with TakeOver, where both processes hold the same queue.
func Listen(ctx context.Context, address string, shared bool) (*net.TCPListener, error) {
	var config net.ListenConfig
	if shared {
		config.Control = sharePort
	}
	l, err := config.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen at %s: %w; end the process that has it, or have all of them share the port", address, err)
	case err != nil:
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	return l.(*net.TCPListener), nil // what the network "tcp" gives
}

func sharePort(_, _ string, socket syscall.RawConn) error {
	var failed error
	err := socket.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	return errors.Join(err, failed)
}
