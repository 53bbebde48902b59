package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer/hosts"
	"teal/deployer/plan"
	"teal/deployer/printable"
	"teal/deployer/timing"
)

// LogRequest is whose logs to read.
type LogRequest struct {
	Service     string
	Environment string
	Target      catalog.Target // zero: what the environment points at
	Shared      bool           // the environment's shared parts instead
	Lines       int            // of each container, that it wrote last
	Follow      bool           // go on until ctx ends
}

// LogLine is a line that a container wrote. It is printable.
type LogLine struct {
	Host      string `json:"host"` // its endpoint
	Container string `json:"container"`
	Text      string `json:"text"`
}

// logsPause is how often a follower looks for containers that have come and gone.
const logsPause = time.Second

// Logs tells what the containers of a target wrote last, on all hosts that are
// recorded for its environment, and with Follow what they write from then on:
// after a flip those of the target that is live then. line is called for one line
// at a time. A host that does not answer is told of as a note of the deployer's
// progress; it is an error when none does, or when there is nothing to read.
func (d *Deployer) Logs(ctx context.Context, req LogRequest, line func(LogLine)) error {
	var mu sync.Mutex
	reader := &logReader{Deployer: d, req: req, notes: map[string]bool{}, line: func(l LogLine) {
		mu.Lock()
		defer mu.Unlock()
		line(l)
	}}
	if !req.Follow {
		return reader.read(ctx)
	}
	return reader.follow(ctx)
}

// logReader reads logs. Its methods belong to one goroutine.
type logReader struct {
	*Deployer
	req   LogRequest
	line  func(LogLine) // safe for concurrent use
	notes map[string]bool
}

// logSource is a container whose output is read.
type logSource struct {
	host      hosts.Connected
	container catalog.Container
}

// key names an incarnation of a container.
func (s logSource) key() string { return s.host.Endpoint + " " + s.container.ID }

// read tells the last lines, host by host.
func (l *logReader) read(ctx context.Context) error {
	sources, err := l.sources(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range sources {
		text, err := s.host.Logs(ctx, s.container.ID, l.req.Lines)
		if err != nil {
			errs = append(errs, fmt.Errorf("host %s: %w", s.host.Name(), err))
			continue
		}
		w := l.writer(s)
		_, _ = w.Write([]byte(text)) // it never fails
		w.end()
	}
	return errors.Join(errs...)
}

// sources are the containers to read, by host and name.
func (l *logReader) sources(ctx context.Context) ([]logSource, error) {
	s, err := l.opt.Store.Service(ctx, l.req.Service)
	if err != nil {
		return nil, fmt.Errorf("read service %s: %w", l.req.Service, err)
	}
	targets := []catalog.Target{{Environment: l.req.Environment}}
	if !l.req.Shared {
		if targets, err = l.targets(s); err != nil {
			return nil, err
		}
	}
	env := targets[0].Environment
	all, err := l.opt.Store.Deployments(ctx, l.req.Service, env)
	if err != nil {
		return nil, fmt.Errorf("read the deployments of %s to %s: %w", l.req.Service, env, err)
	}
	var found []logSource
	var unseen error
	for _, one := range l.survey(ctx, recordedHosts(all), l.req.Service, env) {
		if one.Err != nil {
			unseen = errors.Join(unseen, one.Err)
			continue
		}
		for _, c := range l.pick(one, targets) {
			found = append(found, logSource{one.Host, c})
		}
	}
	if unseen != nil && len(found) > 0 {
		l.note(unseen)
		return found, nil
	}
	if len(found) == 0 {
		return nil, errors.Join(fmt.Errorf("no host has a%s container of %s in %s; see `teal status %s`", sharedWord(l.req.Shared), l.req.Service, targetNames(targets), l.req.Service), unseen)
	}
	return found, nil
}

// pick are the containers of a host to read.
func (l *logReader) pick(one sighting, targets []catalog.Target) []catalog.Container {
	if l.req.Shared {
		return one.Shared
	}
	return slices.DeleteFunc(slices.Clone(one.Containers), func(c catalog.Container) bool {
		return !slices.Contains(targets, plan.TargetOf(c)) || !c.Running && plan.IsAside(c) || plan.IsTask(c)
	})
}

// note tells once what can't be read.
func (l *logReader) note(err error) {
	if !l.notes[err.Error()] {
		l.notes[err.Error()] = true
		l.tell(Event{Kind: Note, Service: l.req.Service, Text: err.Error()})
	}
}

// targets are what is asked for, or what gets the environment's requests.
func (l *logReader) targets(s *catalog.Service) ([]catalog.Target, error) {
	if l.req.Target != (catalog.Target{}) {
		return []catalog.Target{l.req.Target}, nil
	}
	alias, ok := s.Resolve(l.req.Environment)
	if targets := alias.Value.Live(); ok && len(targets) > 0 {
		return targets, nil
	}
	if s.Unknown() {
		return nil, unknownService(s.Name)
	}
	return nil, fmt.Errorf("%s of %s points at nothing yet; name a target, such as --target blue-%s", l.req.Environment, s.Name, l.req.Environment)
}

func sharedWord(shared bool) string {
	if shared {
		return " shared"
	}
	return ""
}

func targetNames(targets []catalog.Target) string {
	var names []string
	for _, t := range targets {
		names = append(names, t.String())
	}
	return strings.Join(names, " and ")
}

// follow reads until ctx ends, which is no error. Only the first look may fail.
func (l *logReader) follow(ctx context.Context) error {
	sources, err := l.sources(ctx)
	if err != nil {
		return err
	}
	f := &followers{logReader: l, ends: map[string]context.CancelFunc{}, last: map[string]string{}}
	defer f.end()
	for {
		if err == nil {
			f.attend(ctx, sources)
		}
		if timing.Sleep(ctx, logsPause) != nil {
			return nil
		}
		if sources, err = l.sources(ctx); err != nil && ctx.Err() == nil {
			l.note(err)
		}
	}
}

// followers follow a container each.
type followers struct {
	*logReader
	wait sync.WaitGroup
	mu   sync.Mutex
	ends map[string]context.CancelFunc // of those that are followed now, by source
	last map[string]string             // line of those that were, by source
}

// attend follows those containers that are not followed yet, and no others.
func (f *followers) attend(ctx context.Context, sources []logSource) {
	wanted := map[string]bool{}
	for _, s := range sources {
		wanted[s.key()] = true
		f.begin(ctx, s)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, end := range f.ends {
		if !wanted[key] {
			end()
		}
	}
}

func (f *followers) begin(ctx context.Context, s logSource) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last, again := f.last[s.key()]
	if f.ends[s.key()] != nil || again && !s.container.Running {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	f.ends[s.key()] = cancel
	f.wait.Go(func() {
		defer cancel()
		f.one(ctx, s, last, again)
	})
}

// one follows a container to the end of its run. One that was followed before has
// been restarted: what it has written meanwhile comes first.
func (f *followers) one(ctx context.Context, s logSource, last string, again bool) {
	w := f.writer(s)
	w.last = last
	lines := f.req.Lines
	if again {
		lines = 0
		if text, err := s.host.Logs(ctx, s.container.ID, hosts.LogLines); err == nil {
			_, _ = w.Write([]byte(since(text, last))) // it never fails
		}
	}
	_ = s.host.Follow(ctx, s.container.ID, lines, w) // it is looked for again
	w.end()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last[s.key()] = w.last
	delete(f.ends, s.key())
}

// end joins all followers.
func (f *followers) end() {
	f.mu.Lock()
	for _, end := range f.ends {
		end()
	}
	f.mu.Unlock()
	f.wait.Wait()
}

// since is what follows the last line that was seen; everything where it is not
// found. It is pure.
func since(text, last string) string {
	lines := strings.SplitAfter(text, "\n")
	for n, line := range slices.Backward(lines) {
		if last != "" && strings.TrimRight(printable.Text(line), " \t\n") == last {
			return strings.Join(lines[n+1:], "")
		}
	}
	return text
}

func (l *logReader) writer(s logSource) *logWriter {
	return &logWriter{line: func(text string) {
		l.line(LogLine{Host: s.host.Name(), Container: s.container.Name, Text: text})
	}}
}
