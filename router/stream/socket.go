package stream

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// ErrLeft is how a Read ends after Leave where a clean end would say something
// untrue, or would make the reader wait for somebody else.
var ErrLeft = errors.New("the stream was ended by the router, as its target is no longer live or the router ends")

// DefaultPatience is how long either side of a stream is waited for.
const DefaultPatience = 2 * time.Second

// Socket is a WebSocket connection (RFC 6455) to an instance, after the 101:
// what httputil.ReverseProxy finds as the Body of that answer and copies from
// and to. Read carries the instance's bytes to the client, Write the client's to
// the instance. One goroutine may read, another write, and any call Leave and
// Close.
type Socket struct {
	conn     io.ReadWriteCloser
	patience time.Duration
	clock    Clock

	mu      sync.Mutex // never held while conn is used
	down    frames     // from the instance
	up      frames     // from the client
	reading bool       // somebody waits for the instance
	writing bool       // somebody writes to the instance
	leaving bool
	told    bool   // the instance has got our close frame: it gets nothing more
	late    bool   // the instance was waited for long enough
	parted  bool   // the client gets our close frame, and then nothing more
	parting []byte // what is left to deliver of it
	stop    func() bool

	client once // done when the client has closed or gone
	over   once // done when nobody waits for the client any more
}

// NewSocket wraps the Body of an answer with status 101 to a WebSocket request.
// patience is how long, after Leave, the instance is waited for, and then the
// client; 0 is DefaultPatience.
func NewSocket(conn io.ReadWriteCloser, patience time.Duration, clock Clock) *Socket {
	if patience <= 0 {
		patience = DefaultPatience
	}
	return &Socket{conn: conn, patience: patience, clock: clock, client: newOnce(), over: newOnce()}
}

// Leave begins to end the connection, and returns at once. The instance gets a
// close frame 1001 as soon as no client's frame is half sent. What it still has
// to say goes to the client, until it closes too or is waited for long enough.
// Then the client gets a close frame 1001, never within another frame, and Read
// ends with ErrLeft once the client has answered, or was waited for long enough.
// Where either side has sent a close frame before, none is added.
func (s *Socket) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving {
		return
	}
	s.leaving = true
	s.wait(s.tire)
	if s.mayTell() {
		s.told = true
		go s.tell() // a full connection must not hold up others that are to leave
	}
}

// mayTell is asked with the lock held.
func (s *Socket) mayTell() bool {
	return s.leaving && !s.told && !s.writing && s.up.atBorder() && !s.up.closed && !s.down.closed
}

// tell ends at the latest when conn is closed.
func (s *Socket) tell() {
	_, _ = s.conn.Write(maskedCloseFrame()) // courtesy: Read sees what matters
}

// wait is called with the lock held.
func (s *Socket) wait(then func()) {
	if s.stop != nil {
		s.stop()
	}
	s.stop = s.clock.afterFunc(s.patience, then)
}

// tire is called when the instance was waited for long enough.
func (s *Socket) tire() {
	if s.nowLate() {
		_ = s.conn.Close() // which ends a blocked Read
	}
}

// nowLate tells whether the instance is in no frame. It is waited for as long
// again if it is in one.
func (s *Socket) nowLate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.parted || s.late:
		return false
	case s.down.atBorder():
		s.late = true
		return true
	}
	s.late = true
	s.wait(s.hangUp)
	return false
}

// hangUp is called when the instance was waited for in vain to end its frame. If
// it is the client that is slow, what has come is kept for it.
func (s *Socket) hangUp() {
	s.mu.Lock()
	slow := !s.reading && !s.parted && !s.over.happened()
	if slow {
		s.wait(s.hangUp)
	}
	s.mu.Unlock()
	if !slow {
		_ = s.conn.Close()
	}
}

// Read gives the client what the instance sends.
func (s *Socket) Read(buf []byte) (int, error) {
	if n, parted := s.part(buf); parted {
		if n > 0 || len(buf) == 0 {
			return n, nil
		}
		return 0, s.awaitClient()
	}
	n, err := s.conn.Read(buf)
	n, err = s.received(buf[:n], err)
	if n == 0 && err == nil {
		n, _ = s.part(buf) // the close frame alone
	}
	return n, err
}

// part delivers the close frame once it is time for that.
func (s *Socket) part(p []byte) (n int, parted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = copy(p, s.parting)
	s.parting = s.parting[n:]
	s.reading = !s.parted
	return n, s.parted
}

// received says how much of what the instance sent goes to the client.
func (s *Socket) received(p []byte, err error) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = false
	wasClosed := s.down.closed
	seen := s.down.follow(p)
	switch {
	case !s.leaving || wasClosed || s.up.closed:
		return len(p), err // there is nothing to add
	case seen.closing >= 0:
		// The instance's answer to our close frame, whatever status it has chosen.
		return s.depart(seen.closing), nil
	case (s.late || err != nil) && seen.border >= 0:
		return s.depart(seen.border), nil
	case err != nil:
		return len(p), ErrLeft // within a frame
	}
	return len(p), nil
}

// depart makes the close frame follow n more bytes.
func (s *Socket) depart(n int) int {
	s.parted, s.parting = true, closeFrame()
	s.wait(s.over.do)
	return n
}

// awaitClient returns when the client has answered the close frame. It is no
// io.EOF: after one httputil.ReverseProxy would wait, without an end, for the
// client to hang up.
func (s *Socket) awaitClient() error {
	select {
	case <-s.client.done:
	case <-s.over.done:
	}
	return ErrLeft
}

// Write gives the instance what the client sends, until the instance has got our
// close frame. After Leave it never fails: it is for Read to end the connection,
// as the client would not get its close frame else.
func (s *Socket) Write(p []byte) (int, error) {
	part, tell := s.send(p)
	n, err := len(p), error(nil)
	if len(part) > 0 {
		n, err = s.conn.Write(part)
	}
	leaving, tellNow := s.written()
	if tell || tellNow {
		s.tell()
	}
	if leaving {
		return len(p), nil
	}
	return n, err
}

// send says how much of what the client sent goes to the instance, and whether
// our close frame follows it.
func (s *Socket) send(p []byte) (part []byte, tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.up.follow(p)
	if s.up.closed {
		s.client.do()
	}
	switch {
	case s.told:
		return nil, false
	case s.leaving && seen.border >= 0 && !s.up.closed && !s.down.closed:
		s.told = true
		return p[:seen.border], true // the rest is of a frame that comes too late
	}
	s.writing = true
	return p, false
}

// written says whether Leave was called meanwhile, and whether our close frame
// can go out now.
func (s *Socket) written() (leaving, tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told {
		return true, false
	}
	s.writing = false
	if s.mayTell() {
		s.told = true
		return true, true
	}
	return s.leaving, false
}

// CloseWrite passes on that the client will send no more.
func (s *Socket) CloseWrite() error {
	s.client.do()
	s.mu.Lock()
	leaving := s.leaving
	s.mu.Unlock()
	if leaving {
		return nil // Read ends the connection
	}
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return fmt.Errorf("half-close the connection to an instance: %w", errors.ErrUnsupported)
}

// Close closes the connection to the instance, without a word if Leave was not
// called.
func (s *Socket) Close() error {
	s.over.do()
	s.mu.Lock()
	if s.stop != nil {
		s.stop()
	}
	s.mu.Unlock()
	return s.conn.Close()
}
