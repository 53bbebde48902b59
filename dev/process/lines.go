package process

import (
	"bytes"
	"strings"
	"sync"
)

// maxLine is the longest line that is kept whole; the rest follows as another.
const maxLine = 16 << 10

// lines keeps the last lines written to it, as a ring. It may be written to and
// read by several goroutines.
type lines struct {
	mu      sync.Mutex
	kept    []string
	next    int // where the next line goes once the ring is full
	size    int
	partial []byte // the line that has not ended yet
}

func newLines(size int) *lines { return &lines{size: size} }

// Write never fails.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		if room := maxLine - len(l.partial); len(line) > room {
			line, rest, ended = b[:room], b[room:], true
		}
		l.partial, b = append(l.partial, line...), rest
		if ended {
			l.keep(string(l.partial))
			l.partial = l.partial[:0]
		}
	}
	return n, nil
}

func (l *lines) keep(line string) {
	if len(l.kept) < l.size {
		l.kept = append(l.kept, line)
		return
	}
	l.kept[l.next] = line
	l.next = (l.next + 1) % l.size
}

// last is the text of the last n lines, one that has not ended included.
func (l *lines) last(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := append(append([]string(nil), l.kept[l.next:]...), l.kept[:l.next]...)
	if len(l.partial) > 0 {
		all = append(all, string(l.partial))
	}
	all = all[max(0, len(all)-max(0, n)):]
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "\n") + "\n"
}
