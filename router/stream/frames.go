package stream

import "crypto/rand"

// The parts of a frame's header that matter here (RFC 6455, section 5.2).
const (
	opcodeBits  = 0x0f
	opcodeClose = 0x08
	maskBit     = 0x80
	lengthBits  = 0x7f
	length16    = 126 // the length follows in 2 bytes
	length64    = 127 // the length follows in 8 bytes
	maskSize    = 4
)

// frames follows the borders of the WebSocket frames in one direction. It looks
// at headers only and keeps nothing of what passes. The zero value stands at the
// border before the first frame. It belongs to one goroutine at a time.
type frames struct {
	payload uint64 // bytes of the present frame's payload that are still to come
	length  uint64 // as far as it is read
	head    int    // bytes of the present frame's header that have passed
	lengthN int    // where the length in the header ends
	size    int    // of the header
	closed  bool   // a close frame has begun
}

// passage is what went by in one piece of bytes.
type passage struct {
	border  int // offset of the last border between frames, -1 if there is none
	closing int // offset at which the first close frame begins, -1 if none does
}

// atBorder tells whether the next byte begins a frame.
func (f *frames) atBorder() bool { return f.head == 0 && f.payload == 0 }

// follow goes on over the bytes that come next.
func (f *frames) follow(p []byte) passage {
	seen := passage{border: -1, closing: -1}
	if f.atBorder() {
		seen.border = 0
	}
	for i := 0; i < len(p); {
		if f.payload > 0 {
			skip := min(f.payload, uint64(len(p)-i))
			f.payload -= skip
			i += int(skip)
		} else {
			if f.head == 0 && p[i]&opcodeBits == opcodeClose && !f.closed {
				f.closed = true
				seen.closing = i
			}
			f.header(p[i])
			i++
		}
		if f.atBorder() {
			seen.border = i
		}
	}
	return seen
}

// header takes in the next byte of a header.
func (f *frames) header(b byte) {
	f.head++
	switch {
	case f.head == 1:
		f.size = 2
		return
	case f.head == 2:
		f.lengths(b)
	case f.head <= f.lengthN:
		f.length = f.length<<8 | uint64(b)
	}
	if f.head == f.size {
		f.head, f.payload = 0, f.length
	}
}

// lengths reads the second byte of a header: how long the header is, and the
// payload if that is short.
func (f *frames) lengths(b byte) {
	f.length, f.lengthN = 0, 2
	switch n := b & lengthBits; n {
	case length16:
		f.lengthN = 4
	case length64:
		f.lengthN = 10
	default:
		f.length = uint64(n)
	}
	f.size = f.lengthN
	if b&maskBit != 0 {
		f.size += maskSize
	}
}

// goingAway is status 1001 (RFC 6455, section 7.4.1): "an endpoint is going
// away, such as a server going down". Browsers' libraries connect again on it.
const goingAway = 1001

// closeFrame is the frame that a server sends to end a connection.
func closeFrame() []byte {
	return []byte{0x80 | opcodeClose, 2, goingAway >> 8, goingAway & 0xff}
}

// maskedCloseFrame is the frame that a client sends to end a connection. Its key
// must not be predictable (RFC 6455, section 5.3).
func maskedCloseFrame() []byte {
	frame := []byte{0x80 | opcodeClose, maskBit | 2, 0, 0, 0, 0, goingAway >> 8, goingAway & 0xff}
	key := frame[2:6]
	_, _ = rand.Read(key) // never fails since Go 1.24
	frame[6] ^= key[0]
	frame[7] ^= key[1]
	return frame
}
