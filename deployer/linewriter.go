package deployer

import (
	"bytes"
	"strings"
	"unicode"
)

// maxLine is how many bytes without an end of line are taken for one.
const maxLine = 2000

// lineWriter hands on what is written to it line by line, without what would
// move a terminal's cursor. It is not safe for concurrent use.
type lineWriter struct {
	line func(string)
	last string // line that said something
	rest []byte // of a line that has not ended
}

// Write implements io.Writer and never fails.
func (w *lineWriter) Write(p []byte) (int, error) {
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

// end hands on a line that has no end.
func (w *lineWriter) end() {
	w.tell(w.rest)
	w.rest = nil
}

func (w *lineWriter) tell(line []byte) {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(line), "?"))
	if text = strings.TrimRight(text, " \t"); text != "" {
		w.last = text
		w.line(text)
	}
}
