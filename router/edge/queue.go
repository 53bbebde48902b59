package edge

import (
	"net"
	"sync"
)

// queue is a listener whose connections are put into it.
type queue struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newQueue(addr net.Addr) *queue {
	return &queue{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// put waits until c is accepted, and answers false if the queue closes or out
// does before that.
func (q *queue) put(c net.Conn, out <-chan struct{}) bool {
	select {
	case q.conns <- c:
		return true
	case <-q.closed:
		return false
	case <-out:
		return false
	}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

func (q *queue) Addr() net.Addr { return q.addr }
