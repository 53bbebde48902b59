package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer"
)

// progress writes what a command does, a line each, as terminals and pipelines
// alike can show. It is safe for concurrent use.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	now   func() time.Time
	began time.Time
}

func newProgress(out io.Writer) *progress {
	return &progress{out: out, now: time.Now, began: time.Now()}
}

// event writes one event of the deployer.
func (p *progress) event(e deployer.Event) {
	what, text := eventWords(e)
	p.line(what, "%s", text)
}

// eventWords are what an event is about, and its sentence. They are pure.
func eventWords(e deployer.Event) (what, text string) {
	text = e.Text
	switch e.Kind {
	case deployer.Entered:
		what = string(e.State)
		if e.State.Ended() && e.State != catalog.Succeeded {
			text = "" // the command ends with the reason
		}
	case deployer.Note:
		what = "note"
	}
	if e.Check != "" {
		text = e.Check + ": " + text
	}
	if e.Container != "" {
		text = e.Container + ": " + text
	}
	if e.Host != "" {
		text = e.Host + ": " + text
	}
	return what, text
}

// line writes one line: the time since the command began, what it is about, and
// a sentence.
func (p *progress) line(what, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "%7.2fs  %-10s %s\n", p.now().Sub(p.began).Seconds(), what, fmt.Sprintf(format, args...))
}
