package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/printable"
)

const (
	drawPause = 100 * time.Millisecond // between two pictures at the most
	drawLeast = time.Second            // between two when nothing happens: the times go on
	// The size of a terminal that does not tell.
	usualColumns, usualRows = 80, 24
)

// live is the output that draws a picture in a terminal again and again. It
// neither hides the cursor nor changes a mode of the terminal, so there is nothing
// to put back however the command ends.
type live struct {
	mu    sync.Mutex
	out   io.Writer
	errs  io.Writer
	size  func() (columns, rows int, err error)
	style style
	now   func() time.Time
	every *ticking

	forest forest
	shown  []int // the cells of each line of the picture that stands there
	drawn  time.Time
	dirty  bool
	closed bool

	conclusions []string
}

func newLive(out, errs io.Writer, size func() (int, int, error), s style, now func() time.Time) *live {
	l := &live{out: out, errs: errs, size: size, style: s, now: now}
	l.every = &ticking{every: drawPause, do: l.tick}
	return l
}

func (l *live) event(e deployer.Event) {
	l.every.start()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forest.apply(e, l.now())
	l.dirty = true
	if l.now().Sub(l.drawn) >= drawPause {
		l.draw()
	}
}

// say writes a line above the picture.
func (l *live) say(what, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := printable.Text(fmt.Sprintf(format, args...))
	if what != "" {
		text = what + ": " + text
	}
	l.forest.lines = append(l.forest.lines, text)
	l.draw()
}

func (l *live) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	since := l.now().Sub(l.drawn)
	if l.dirty && since >= drawPause || since >= drawLeast {
		l.draw()
	}
}

// draw replaces the picture.
func (l *live) draw() {
	if l.closed {
		return
	}
	columns, rows := l.measure()
	l.replace(l.forest.picture(l.now(), rows-1), columns)
}

// measure is the size of the terminal as it is now.
func (l *live) measure() (columns, rows int) {
	columns, rows, err := l.size()
	if err != nil || columns < 1 || rows < 2 {
		return usualColumns, usualRows
	}
	return columns, rows
}

// replace writes the lines that were said, then a picture, over the one that
// stands there. The last column stays free: terminals differ in when they wrap.
func (l *live) replace(picture []row, columns int) {
	painted := make([]string, len(picture))
	lengths := make([]int, len(picture))
	for n, r := range picture {
		painted[n] = l.style.paint(r, columns-1)
		lengths[n] = cells(escapeless(painted[n]))
	}
	_, _ = io.WriteString(l.out, redraw(l.shown, columns, l.forest.lines, painted))
	l.shown, l.forest.lines = lengths, nil
	l.drawn, l.dirty = l.now(), false
}

// redraw is what replaces lines of so many cells by others, in a terminal of so
// many columns: one that was made narrower has broken long lines into several. It
// is pure.
func redraw(shown []int, columns int, said, picture []string) string {
	up := 0
	for _, n := range shown {
		up += max(1, (n+columns-1)/columns)
	}
	var b strings.Builder
	b.WriteString("\r")
	if up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", up)
	}
	for _, line := range append(append([]string(nil), said...), picture...) {
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	return b.String()
}

// escapeless is what is seen of a painted row.
func escapeless(painted string) string { return printable.Text(painted) }

// begin and end show nothing: what a step says stands above the picture as it comes.
func (l *live) begin(string, string) {}

func (l *live) end() {}

// done keeps the conclusion for below the still picture.
func (l *live) done(record catalog.Deployment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conclusions = append(l.conclusions, conclusion(record))
}

func (l *live) passed(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conclusions = append(l.conclusions, printable.Text(text))
}

func (l *live) failed(err error) error {
	l.close()
	writeFailure(l.errs, unfolded{}, err)
	return said{err}
}

// close leaves a still picture, of everything however low the terminal is.
func (l *live) close() {
	l.every.stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	columns, _ := l.measure()
	if len(l.forest.trees) > 0 {
		l.replace(l.forest.picture(l.now(), 0), columns)
	}
	for _, line := range append(l.forest.lines, l.conclusions...) {
		_, _ = io.WriteString(l.out, line+"\n")
	}
	l.closed = true
}
