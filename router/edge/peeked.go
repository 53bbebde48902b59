package edge

import (
	"io"
	"net"
)

// Peeked is a connection whose hello was read ahead, and which is read as if it
// had not been. Copying from it or to it is left to the connection inside,
// after the bytes read ahead, so that TCP to TCP is spliced in the kernel.
// Like any stream it is for one reader and one writer at a time.
type Peeked struct {
	net.Conn
	Hello Hello
	ahead []byte
}

// Read reads the bytes read ahead, then the connection.
func (p *Peeked) Read(b []byte) (int, error) {
	if len(p.ahead) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.ahead)
	p.advance(n)
	return n, nil
}

// WriteTo copies all that is to be read to w, as io.WriterTo.
func (p *Peeked) WriteTo(w io.Writer) (int64, error) {
	var first int
	if len(p.ahead) > 0 {
		n, err := w.Write(p.ahead)
		p.advance(n)
		if err != nil {
			return int64(n), err
		}
		first = n
	}
	rest, err := io.Copy(w, p.Conn)
	return int64(first) + rest, err
}

// ReadFrom sends all that r has, as io.ReaderFrom.
func (p *Peeked) ReadFrom(r io.Reader) (int64, error) { return io.Copy(p.Conn, r) }

// CloseWrite tells the peer that nothing more will be sent.
func (p *Peeked) CloseWrite() error { return CloseWrite(p.Conn) }

// NetConn is the connection inside, which lacks what was read ahead.
func (p *Peeked) NetConn() net.Conn { return p.Conn }

func (p *Peeked) advance(n int) {
	p.ahead = p.ahead[n:]
	if len(p.ahead) == 0 {
		p.ahead = nil // a long-lived connection need not hold its hello
	}
}
