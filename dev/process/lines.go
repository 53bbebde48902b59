package process

import (
	"bytes"
	"context"
	"io"
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
	partial []byte        // the line that has not ended yet
	written int           // lines that were ever kept
	more    chan struct{} // closed when there are more lines
}

func newLines(size int) *lines { return &lines{size: size, more: make(chan struct{})} }

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

// keep keeps a line. The lock must be held.
func (l *lines) keep(line string) {
	l.written++
	close(l.more)
	l.more = make(chan struct{})
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
	all := l.ordered()
	if len(l.partial) > 0 {
		all = append(all, string(l.partial))
	}
	all = all[max(0, len(all)-max(0, n)):]
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "\n") + "\n"
}

// ordered are the lines that are kept, the oldest first. The lock must be held.
func (l *lines) ordered() []string {
	return append(append([]string(nil), l.kept[l.next:]...), l.kept[:l.next]...)
}

// follow copies lines to out, from the last n or all of them, until ended is
// closed or ctx ends. The line that has not ended comes last.
func (l *lines) follow(ctx context.Context, n int, ended <-chan struct{}, out io.Writer) error {
	seen := l.before(n)
	for {
		over := closed(ended) // asked before the lines are taken: what it wrote is there by then
		text, now, more := l.since(seen, over)
		if _, err := io.WriteString(out, text); err != nil || over {
			return err
		}
		seen = now
		select {
		case <-more:
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// before is how many lines came before the last n.
func (l *lines) before(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < 0 {
		return 0
	}
	if len(l.partial) > 0 && n > 0 {
		n-- // it is told as one of them
	}
	return max(0, l.written-n)
}

// since is the text of the lines after those that were seen, how many there are
// now, and what is closed when there are more.
func (l *lines) since(seen int, partial bool) (text string, now int, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.ordered()
	all = all[len(all)-min(len(all), l.written-seen):]
	if partial && len(l.partial) > 0 {
		all = append(all, string(l.partial))
	}
	if len(all) > 0 {
		text = strings.Join(all, "\n") + "\n"
	}
	return text, l.written, l.more
}
