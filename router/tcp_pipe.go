package router

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// leaveGrace is how long both sides of a connection have to end it, once it was
// asked to leave.
const leaveGrace = 5 * time.Second

// pipe is a client's connection and the one to its instance, copied both ways.
// Between two TCP connections the kernel does that, without the bytes ever
// coming here.
type pipe struct {
	client, instance net.Conn
	silence          *silence // nil without a limit

	mu     sync.Mutex
	over   bool  // closed, or about to be
	class  Class // how it ended, once it is over
	leaver *time.Timer
}

func newPipe(client, instance net.Conn, idle time.Duration) *pipe {
	p := &pipe{client: client, instance: instance}
	if idle > 0 {
		p.silence = newSilence(idle)
	}
	return p
}

// run copies until both sides have ended, or one has broken off, and closes both.
func (p *pipe) run() Class {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.direct(up)
	}()
	p.direct(down)
	<-done
	p.end(Class2xx, false)
	return p.class
}

// way is a direction of a pipe.
type way int

const (
	up way = iota // from the client to the instance
	down
	ways
)

func (p *pipe) of(w way) (from, to net.Conn) {
	if w == up {
		return p.client, p.instance
	}
	return p.instance, p.client
}

// direct copies one way, to the end of what its sender sends. That end is passed
// on, while the other way goes on for as long as it likes.
func (p *pipe) direct(w way) {
	from, to := p.of(w)
	err := p.copy(w, to, from)
	switch {
	case errors.Is(err, errSilent):
		p.end(Class2xx, false)
	case err != nil:
		p.end(blame(w, err), true)
	case closeWrite(to) != nil:
		p.end(Class2xx, false) // a connection that has no halves, or none any more
	}
}

func (p *pipe) copy(w way, to, from net.Conn) error {
	if p.silence == nil {
		_, err := io.Copy(to, from)
		return err
	}
	return p.silence.copy(w, to, from)
}

// blame is who broke a connection off, as far as the system tells: a pipe that
// is broken was so at its far end.
func blame(w way, err error) Class {
	if far := errors.Is(err, syscall.EPIPE); far == (w == up) {
		return ClassBroken
	}
	return ClassGone
}

// end closes both sides; the first call says how it came to that. What was
// broken off is broken off on the other side too, as an orderly end would say
// that all has been sent.
func (p *pipe) end(class Class, broken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.over, p.class = true, class
	switch {
	case p.leaver != nil: // it ends as it was asked to
		p.leaver.Stop()
		p.class = Class2xx
	case broken:
		reset(p.client)
		reset(p.instance)
	}
	_ = p.client.Close() // nobody is left to tell
	_ = p.instance.Close()
}

// Leave implements stream.Leaver: it says to both sides that nothing more will
// come, and closes what they leave open.
func (p *pipe) Leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.leaver != nil {
		return
	}
	_ = closeWrite(p.client) // else the timer does it
	_ = closeWrite(p.instance)
	p.leaver = time.AfterFunc(leaveGrace, func() { p.end(Class2xx, false) })
}

// closeWrite ends what is sent on a connection and leaves what comes.
func closeWrite(c net.Conn) error {
	if half, ok := inside[interface{ CloseWrite() error }](c); ok {
		return half.CloseWrite()
	}
	return errors.New("the connection can't be closed by half")
}

// reset has a connection break off when it is closed.
func reset(c net.Conn) {
	if l, ok := inside[interface{ SetLinger(sec int) error }](c); ok {
		_ = l.SetLinger(0) // else it ends in order
	}
}

// inside finds what can do T in a connection, or in one that it wraps.
func inside[T any](c net.Conn) (able T, ok bool) {
	for {
		if able, ok = c.(T); ok {
			return able, true
		}
		switch outer := c.(type) {
		case interface{ NetConn() net.Conn }:
			c = outer.NetConn()
		case interface{ Raw() net.Conn }:
			c = outer.Raw()
		default:
			return able, false
		}
	}
}
