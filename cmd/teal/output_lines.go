package main

import (
	"cmp"
	"fmt"
	"io"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/printable"
)

const (
	// heartbeat is how long nothing may be said before the output says what it
	// waits for: some CI systems end what is silent.
	heartbeat = 15 * time.Second
	// heartbeatLook is the pause between two looks whether that is so.
	heartbeatLook = time.Second
)

// lines is the output that only ever adds lines.
type lines struct {
	mu    sync.Mutex
	p     *progress
	errs  io.Writer
	fold  folding
	now   func() time.Time
	every *ticking

	spoke    time.Time       // when something was said last
	waiting  string          // what goes on now, for the heartbeat; empty for nothing
	doing    string          // what was done last of it
	step     string          // of a pipeline that goes on now; empty for none
	began    time.Time       // when that began
	groups   int             // that were opened
	group    string          // that is open; empty for none
	services map[string]bool // of which something was said
	closed   bool
}

func newLines(out, errs io.Writer, fold folding, now func() time.Time) *lines {
	l := &lines{
		p: &progress{out: out, now: now, began: now()}, errs: errs, fold: fold, now: now,
		spoke: now(), services: map[string]bool{},
	}
	l.every = &ticking{every: heartbeatLook, do: l.beat}
	return l
}

func (l *lines) event(e deployer.Event) {
	l.every.start()
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Service != "" {
		l.services[e.Service] = true
	}
	what, text := eventWords(e)
	if e.Kind == deployer.Entered {
		l.enter(e)
	} else {
		l.doing = text
	}
	if len(l.services) > 1 && e.Service != "" {
		text = e.Service + ": " + text
	}
	l.line(what, text)
}

// enter begins the group of a state.
func (l *lines) enter(e deployer.Event) {
	l.endGroup()
	l.waiting, l.doing = string(e.State), ""
	if e.State.Ended() {
		l.waiting = ""
		return
	}
	title := string(e.State)
	if e.Text != "" {
		title += ": " + e.Text
	}
	l.openGroup(string(e.State), title)
}

func (l *lines) openGroup(name, title string) {
	l.groups++
	l.group = fmt.Sprintf("teal_%d_%s", l.groups, name)
	l.raw(l.fold.open(l.group, title, l.now()))
}

func (l *lines) endGroup() {
	if l.group != "" {
		l.raw(l.fold.close(l.group, l.now()))
	}
	l.group = ""
}

func (l *lines) line(what, text string) {
	l.spoke = l.now()
	l.p.line(what, "%s", text)
}

func (l *lines) raw(text string) { _, _ = io.WriteString(l.p.out, text) }

// begin opens the group of a step; those of the states in it come in its place, as
// most CI systems know no group in a group.
func (l *lines) begin(step, title string) {
	l.every.start()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.step, l.doing, l.began = step, "", l.now()
	l.spoke = l.began
	l.openGroup(step, title)
}

func (l *lines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endGroup()
	l.step, l.waiting, l.doing = "", "", ""
}

// beat says what is waited for, when nothing was said for a while.
func (l *lines) beat() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.waiting == "" && l.step == "" || l.now().Sub(l.spoke) < heartbeat {
		return
	}
	text := "still " + l.waiting
	if l.step != "" {
		text = fmt.Sprintf("still %s, %s into this step", cmp.Or(l.waiting, "at it"), l.now().Sub(l.began).Round(time.Second))
	}
	if l.doing != "" {
		text += "; last: " + l.doing
	}
	l.line(l.step, text)
}

func (l *lines) say(what, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := printable.Text(fmt.Sprintf(format, args...))
	if l.step != "" {
		l.doing = text
	}
	l.line(what, text)
}

func (l *lines) done(record catalog.Deployment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endGroup()
	l.waiting = ""
	l.line("", conclusion(record))
}

func (l *lines) passed(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endGroup()
	l.waiting = ""
	l.line("", printable.Text(text))
}

func (l *lines) failed(err error) error {
	l.close()
	writeFailure(l.errs, l.fold, err)
	return said{err}
}

// writeFailure says why a command failed, the reason first.
func writeFailure(w io.Writer, fold folding, err error) {
	reason, rest := failureWords(err)
	text := fold.fail(reason)
	if rest != "" {
		text += "\n" + rest + "\n"
	}
	_, _ = io.WriteString(w, text)
}

func (l *lines) close() {
	l.every.stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endGroup()
	l.closed = true
}

// ticking does something again and again, from start to stop. It is safe for
// concurrent use; it does not start again.
type ticking struct {
	every time.Duration
	do    func()

	mu      sync.Mutex
	started bool
	ended   bool
	end     chan struct{}
	wait    sync.WaitGroup
}

func (t *ticking) start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.started || t.ended {
		return
	}
	t.started, t.end = true, make(chan struct{})
	t.wait.Go(t.run)
}

func (t *ticking) run() {
	ticker := time.NewTicker(t.every)
	defer ticker.Stop()
	for {
		select {
		case <-t.end:
			return
		case <-ticker.C:
			t.do()
		}
	}
}

// stop returns when it does nothing any more.
func (t *ticking) stop() {
	t.mu.Lock()
	if t.started && !t.ended {
		close(t.end)
	}
	t.ended = true
	t.mu.Unlock()
	t.wait.Wait()
}
