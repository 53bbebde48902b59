package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer"
)

// progress writes what a deployment does, a line each, as terminals and
// pipelines alike can show.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	began time.Time
}

func newProgress(out io.Writer) *progress { return &progress{out: out, began: time.Now()} }

// event writes one event of the deployer.
func (p *progress) event(e deployer.Event) {
	what := ""
	switch e.Kind {
	case deployer.Entered:
		what = string(e.State)
	case deployer.Note:
		what = "note"
	}
	text := e.Text
	if e.State == catalog.Failed && e.Kind == deployer.Entered {
		text = "" // the command ends with the reason
	}
	if e.Container != "" {
		text = e.Container + ": " + text
	}
	if e.Host != "" {
		text = e.Host + ": " + text
	}
	p.line(what, "%s", text)
}

// line writes one line: the time since the command began, what it is about, and
// a sentence.
func (p *progress) line(what, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "%7.2fs  %-10s %s\n", time.Since(p.began).Seconds(), what, fmt.Sprintf(format, args...))
}
