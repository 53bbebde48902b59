package stream

import (
	"io"
	"sync"
	"time"
)

// Body is the body of an answer that may last for ever, such as an event stream.
// One goroutine may read, and any call Leave and Close.
type Body struct {
	body      io.ReadCloser
	interrupt func()
	patience  time.Duration
	clock     Clock

	mu      sync.Mutex // never held while body is read
	borders borders
	leaving bool
	ended   bool
	left    bool // it ended because it was asked to
	stop    func() bool
}

// NewBody wraps a body. interrupt ends a Read that waits for the instance, such
// as by cancelling the request to it; it is called at most once. patience is how
// long, after Leave, the end of an event is waited for; 0 is DefaultPatience.
func NewBody(body io.ReadCloser, kind Kind, interrupt func(), patience time.Duration, clock Clock) *Body {
	if patience <= 0 {
		patience = DefaultPatience
	}
	return &Body{
		body: body, borders: borders{kind: kind}, interrupt: sync.OnceFunc(interrupt),
		patience: patience, clock: clock,
	}
}

// Leave begins to end the body, and returns at once. Read ends with io.EOF after
// the event or line that is half read, and at once if none is. If its end does
// not come in time an event is cut, with io.EOF, and a line with ErrLeft.
// Bytes are cut at once, with ErrLeft.
func (b *Body) Leave() {
	if b.leave() {
		b.interrupt()
	}
}

// leave tells whether there is nothing to wait for.
func (b *Body) leave() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leaving {
		return false
	}
	b.leaving = true
	if b.borders.at() || b.borders.kind == Bytes {
		return true
	}
	b.stop = b.clock.afterFunc(b.patience, b.interrupt)
	return false
}

// Read gives the client what the instance sends.
func (b *Body) Read(p []byte) (int, error) {
	if err := b.end(); err != nil {
		return 0, err
	}
	n, err := b.body.Read(p)
	return b.received(p[:n], err)
}

// end is how Read ends before it asks the instance for more; nil if it does not.
func (b *Body) end() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.ended || b.leaving && b.borders.at():
		b.left = true
		return io.EOF
	case b.leaving && b.borders.kind == Bytes:
		return ErrLeft
	}
	return nil
}

// Left tells whether Read has ended cleanly because the body was asked to leave.
func (b *Body) Left() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left
}

// received says how much of what the instance sent goes to the client.
func (b *Body) received(p []byte, err error) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	border := b.borders.follow(p)
	switch {
	case !b.leaving || err == io.EOF:
		return len(p), err
	case border >= 0:
		b.ended, b.left = true, true
		return border, io.EOF
	case err == nil:
		return len(p), nil
	case b.borders.kind == Events:
		return len(p), io.EOF
	}
	return len(p), ErrLeft
}

// Close closes the body of the instance's answer.
func (b *Body) Close() error {
	b.mu.Lock()
	if b.stop != nil {
		b.stop()
	}
	b.mu.Unlock()
	return b.body.Close()
}
