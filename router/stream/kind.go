package stream

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
)

// Kind is what an answer's body is made of, and so where it may end.
type Kind int

// The kinds.
const (
	// Bytes end nowhere before their end: to be cut is an error, so that nobody
	// takes half a file for a whole one.
	Bytes Kind = iota
	// Events are those of the HTML standard, section 9.2 (server-sent events). A
	// client drops an event that is cut and connects again.
	Events
	// Lines are records that each end with their line.
	Lines
	// Messages are those of gRPC, each with its length before it. How the call went
	// is told in a trailer after the last one.
	Messages
)

// KindOf is the kind of the body that follows a header. What is compressed is
// Bytes, whatever it is before.
func KindOf(h http.Header) Kind {
	if e := h.Get("Content-Encoding"); e != "" && e != "identity" {
		return Bytes
	}
	t, _, _ := mime.ParseMediaType(h.Get("Content-Type")) // empty if it is none
	if t == "application/grpc" || strings.HasPrefix(t, "application/grpc+") {
		return Messages
	}
	switch t {
	case "text/event-stream":
		return Events
	case "application/x-ndjson", "application/jsonl", "application/json-seq":
		return Lines
	}
	return Bytes
}

// borders follows where the parts of a body end. The zero value stands before
// its first byte, where nothing is cut.
type borders struct {
	kind    Kind
	midLine bool // bytes of a line have come, but not its end
	comment bool // that line is a comment
	event   bool // lines of an event have come, but not its blank line
	cr      bool // the last byte was a CR, so that an LF would be of the same line end

	head   int    // bytes of a message's head that have come
	length uint32 // of the message, as far as its head has come
	left   uint32 // bytes of the message that have not come
}

// at tells whether nothing is cut before the next byte.
func (b *borders) at() bool {
	switch b.kind {
	case Events:
		return !b.midLine && !b.event
	case Lines:
		return !b.midLine
	case Messages:
		return b.head == 0 && b.left == 0
	}
	return false
}

// follow goes on over the bytes that come next, and answers with the offset of
// the last border among them, -1 if there is none.
func (b *borders) follow(p []byte) int {
	last := -1
	if b.at() {
		last = 0
	}
	switch b.kind {
	case Bytes:
		return last
	case Messages:
		return b.followMessages(p, last)
	}
	for i := 0; i < len(p); i++ {
		if b.midLine {
			i += b.restOfLine(p[i:])
		}
		if i < len(p) {
			b.next(p[i])
		}
		if b.at() {
			last = i + 1
		}
	}
	return last
}

// messageHead is the length of what comes before a message: a byte that tells
// whether it is compressed, and its length (gRPC over HTTP/2, Length-Prefixed-Message).
const messageHead = 5

// followMessages is follow for Messages.
func (b *borders) followMessages(p []byte, last int) int {
	for i := 0; i < len(p); {
		if b.left > 0 {
			n := min(len(p)-i, int(b.left))
			i += n
			b.left -= uint32(n)
		} else {
			if b.head > 0 {
				b.length = b.length<<8 | uint32(p[i])
			}
			b.head++
			i++
			if b.head == messageHead {
				b.head, b.left, b.length = 0, b.length, 0
			}
		}
		if b.at() {
			last = i
		}
	}
	return last
}

// restOfLine is how many bytes come before the line's end.
func (b *borders) restOfLine(p []byte) int {
	n := bytes.IndexByte(p, '\n')
	if n < 0 {
		n = len(p)
	}
	if b.kind == Events {
		if cr := bytes.IndexByte(p[:n], '\r'); cr >= 0 {
			return cr
		}
	}
	return n
}

// next takes in a byte. Of server-sent events a line ends with LF, CR or CRLF, a
// comment begins with a colon, and a blank line ends the event.
func (b *borders) next(c byte) {
	wasCR := b.cr
	b.cr = c == '\r' && b.kind == Events
	switch {
	case c == '\n' && wasCR:
	case c == '\n' || b.cr:
		b.event = b.midLine && (b.event || !b.comment)
		b.midLine, b.comment = false, false
	case !b.midLine:
		b.midLine, b.comment = true, c == ':'
	}
}
