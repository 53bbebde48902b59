package deployer

import (
	"bytes"
	"strings"

	"teal/deployer/printable"
)

// logWriter hands on the lines that are written to it, printable and without
// those that say nothing. It is not safe for concurrent use.
type logWriter struct {
	line func(string)
	last string // line that said something
	rest []byte // of a line that has not ended
}

// Write implements io.Writer and never fails.
func (w *logWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		n := bytes.IndexByte(w.rest, '\n')
		if n < 0 && len(w.rest) >= maxLogLine {
			n = maxLogLine - 1
		}
		if n < 0 {
			return len(p), nil
		}
		w.tell(w.rest[:n+1])
		w.rest = w.rest[n+1:]
	}
}

// maxLogLine is how many bytes without an end of line are taken for one.
const maxLogLine = 64 << 10

// end hands on a line that has no end.
func (w *logWriter) end() {
	w.tell(w.rest)
	w.rest = nil
}

// tell hands on a line, which is several where it returns the carriage to write
// over what it wrote before.
func (w *logWriter) tell(text []byte) {
	for line := range strings.SplitSeq(printable.Text(string(text)), "\n") {
		if line = strings.TrimRight(line, " \t"); line != "" {
			w.last = line
			w.line(line)
		}
	}
}
