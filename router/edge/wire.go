package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The two sides of a hand-over speak in packets of one line each:
//
//	newcomer   teal-handover 1        the highest version it speaks
//	incumbent  teal-handover 1        the version to speak, not above that
//	incumbent  listener proxy         one for each, with its descriptor (SCM_RIGHTS)
//	incumbent  all                    that was the last
//	newcomer   ready
//	incumbent  retiring
//
// Instead of any of its lines the incumbent may say "refused" with a sentence.
// Later versions may add words to a line; who doesn't know them ignores them.
const (
	verbGreeting = "teal-handover"
	verbListener = "listener"
	verbAll      = "all"
	verbReady    = "ready"
	verbRetiring = "retiring"
	verbRefused  = "refused"
)

// newestVersion is the highest version of the hand-over spoken here.
const newestVersion = 1

const maxPacket = 4096 // bytes

// packet is one line, and the socket that came with it.
type packet struct {
	verb, rest string
	file       *os.File // nil for none; whoever receives the packet closes it
}

func parsePacket(line string) packet {
	verb, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	return packet{verb: verb, rest: rest}
}

// agree reads a greeting and answers the highest version both sides speak.
func agree(p packet) (int, error) {
	text, _, _ := strings.Cut(p.rest, " ")
	theirs, err := strconv.Atoi(text)
	if p.verb != verbGreeting || err != nil || theirs < 1 {
		return 0, fmt.Errorf("%q is no greeting of a hand-over; only routers are to use its socket", p.verb+" "+p.rest)
	}
	return min(theirs, newestVersion), nil
}

// wire is one side's end of the connection.
type wire struct{ *net.UnixConn }

// until makes everything on the wire fail once ctx ends, or the given time has
// passed if it is not 0. Call stop when the wait is over.
func (w wire) until(ctx context.Context, within time.Duration) (stop func() bool) {
	var deadline time.Time
	if within > 0 {
		deadline = time.Now().Add(within)
	}
	_ = w.SetDeadline(deadline) // fails on a closed connection, as all else on it then does
	return context.AfterFunc(ctx, func() { _ = w.SetDeadline(time.Unix(1, 0)) })
}

func (w wire) say(words ...string) error { return w.send(nil, words...) }

// send sends a line, with a socket unless that is nil.
func (w wire) send(socket syscall.Conn, words ...string) error {
	line := []byte(strings.Join(words, " ") + "\n")
	if socket == nil {
		_, _, err := w.WriteMsgUnix(line, nil, nil)
		return err
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	// The descriptor is lent for the call: duplicates made by File share the
	// blocking mode, which must stay as it is.
	err = raw.Control(func(fd uintptr) { _, _, sent = w.WriteMsgUnix(line, unix.UnixRights(int(fd)), nil) })
	return errors.Join(err, sent)
}

// receive waits for the next line. It answers io.EOF when the other side is gone,
// and its sentence as an error when it refuses.
func (w wire) receive() (packet, error) {
	line, control := make([]byte, maxPacket), make([]byte, unix.CmsgSpace(4))
	n, nc, flags, _, err := w.ReadMsgUnix(line, control)
	if errors.Is(err, syscall.ECONNRESET) { // told first; what the other side said before it left comes after
		n, nc, flags, _, err = w.ReadMsgUnix(line, control)
	}
	if n == 0 && err == nil {
		return packet{}, io.EOF
	}
	if err != nil {
		return packet{}, err
	}
	file, err := socketIn(control[:nc])
	p := parsePacket(string(line[:n]))
	p.file = file
	switch {
	case err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		err = fmt.Errorf("the %s line of the hand-over came incomplete; look for a limit on open files", p.verb)
	case err == nil && p.verb == verbRefused:
		err = fmt.Errorf("%w: %s", ErrRefused, p.rest)
	}
	if err != nil {
		p.drop()
		return packet{}, err
	}
	return p, nil
}

func (p packet) drop() {
	if p.file != nil {
		_ = p.file.Close() // it was never used
	}
}

// socketIn takes the descriptor out of a control message; nil if there is none.
func socketIn(control []byte) (*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return nil, err
	}
	for _, extra := range fds[1:] {
		_ = unix.Close(extra) // the line is about one
	}
	return os.NewFile(uintptr(fds[0]), "handed over"), nil
}
