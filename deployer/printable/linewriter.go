package printable

import (
	"bytes"
	"strings"
	"sync"
	"unicode"
)

// maxLine is how many bytes without an end of line are taken for one.
const maxLine = 2000

// LineWriter hands on what a tool or a container writes to it, line by line and
// without what would move a terminal's cursor. It is safe for concurrent use.
type LineWriter struct {
	Line func(string) // called with one line at a time; empty ones are left out

	mu   sync.Mutex
	last string // line that said something
	rest []byte // of a line that has not ended
}

// Write implements io.Writer and never fails.
func (w *LineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		n := bytes.IndexByte(w.rest, '\n')
		switch {
		case n >= 0 && n <= maxLine:
			w.tell(w.rest[:n])
			w.rest = w.rest[n+1:]
		case len(w.rest) >= maxLine:
			w.tell(w.rest[:maxLine])
			w.rest = w.rest[maxLine:]
		default:
			return len(p), nil
		}
	}
}

// Last is the last line that said something; empty before there is one.
func (w *LineWriter) Last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// End hands on a line that has no end.
func (w *LineWriter) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tell(w.rest)
	w.rest = nil
}

func (w *LineWriter) tell(line []byte) {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(line), "?"))
	if text = strings.TrimRight(text, " \t"); text != "" {
		w.last = text
		w.Line(text)
	}
}
