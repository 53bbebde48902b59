package edge

import (
	"container/list"
	"net"
	"sync"
)

// room holds the connections that have not said hello yet. When it is full,
// whoever waits longest is shown out: an honest client's hello is there within
// a round trip, so a crowd of silent ones only displaces itself.
type room struct {
	size   int
	mu     sync.Mutex
	guests list.List // of *guest, the longest waiting in front
}

type guest struct {
	conn  net.Conn
	out   chan struct{} // closed when the guest was shown out
	place *list.Element
}

// enter lets c in, and tells whether another had to go for it.
func (r *room) enter(c net.Conn) (g *guest, displaced bool) {
	g = &guest{conn: c, out: make(chan struct{})}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.guests.Len() >= r.size {
		oldest := r.guests.Remove(r.guests.Front()).(*guest)
		close(oldest.out)
		_ = oldest.conn.Close() // nothing was promised to it
		displaced = true
	}
	g.place = r.guests.PushBack(g)
	return g, displaced
}

// leave gives the place of g free, if it still has one.
func (r *room) leave(g *guest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guests.Remove(g.place) // a no-op when it was shown out
}
