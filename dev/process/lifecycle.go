package process

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"time"

	"teal/catalog"
)

// Create makes a process without starting it, writes its files and answers its
// id. After an error there is no such process. The error is catalog.ErrNameTaken
// when another process has the name.
func (p *Platform) Create(_ context.Context, spec catalog.ContainerSpec) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.checkSpec(spec); err != nil {
		return "", fmt.Errorf("create process %s: %w", spec.Name, err)
	}
	image, err := p.there(spec.Image)
	if err != nil {
		return "", fmt.Errorf("create process %s from %s: %w", spec.Name, spec.Image, err)
	}
	files, err := writeFiles(spec)
	if err != nil {
		return "", fmt.Errorf("create process %s: %w", spec.Name, err)
	}
	env := map[string]string{}
	maps.Copy(env, image.Env)
	maps.Copy(env, spec.Env)
	proc := &process{
		id: newID(), name: spec.Name, spec: spec, command: image.commandLine(spec), env: env,
		digest: image.digest(), created: p.opt.Now(), logs: newLines(p.opt.LogLines), files: files,
	}
	p.procs[proc.id] = proc
	p.hint()
	return proc.id, nil
}

func (p *Platform) checkSpec(spec catalog.ContainerSpec) error {
	if spec.Name == "" {
		return fmt.Errorf("it has no name; give it one")
	}
	if _, taken := p.find(spec.Name); taken {
		return fmt.Errorf("%w; remove the other one or choose another name", catalog.ErrNameTaken)
	}
	if spec.Network == catalog.NoNetwork {
		return checkIsolated(spec)
	}
	for _, network := range networksOf(spec) {
		if _, ok := p.networks[network]; !ok {
			return fmt.Errorf("there is no network %s; make it first", network)
		}
	}
	return nil
}

func newID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// find finds a process by its id or its name. The lock must be held.
func (p *Platform) find(id string) (*process, bool) {
	if proc, ok := p.procs[id]; ok {
		return proc, true
	}
	for _, proc := range p.procs {
		if proc.name == id {
			return proc, true
		}
	}
	return nil, false
}

// Start starts a process; one that runs already is fine. It waits for Run to
// have begun.
func (p *Platform) Start(ctx context.Context, id string) error {
	proc, r, err := p.claim(id)
	if err != nil || r == nil {
		return err
	}
	first := make(chan error, 1)
	go p.keep(proc, r, first)
	select {
	case err = <-first:
	case <-ctx.Done():
		r.stop(0)
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("start process %s: %w", proc.name, err)
	}
	return nil
}

// claim makes the run of a process that has none, and no run of one that runs.
func (p *Platform) claim(id string) (*process, *run, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	proc, ok := p.find(id)
	switch {
	case !ok:
		return nil, nil, missing("start", id)
	case p.ended:
		return nil, nil, fmt.Errorf("start process %s: %w", proc.name, errEnded)
	case proc.run != nil:
		return proc, nil, nil
	}
	proc.run = newRun()
	p.keepers.Add(1)
	return proc, proc.run, nil
}

func missing(doing, id string) error {
	return fmt.Errorf("%s process %s: there is none of that id or name", doing, id)
}

// Stop asks a process to end and kills it after the grace. One that does not
// run, or is gone, is fine. It answers when the process has ended.
func (p *Platform) Stop(ctx context.Context, id string, grace time.Duration) error {
	proc, r := p.runOf(id)
	if r == nil {
		return nil
	}
	r.stop(grace)
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop process %s: it has not ended yet: %w", proc.name, ctx.Err())
	}
}

// Wait waits until a process has ended, for good where it is restarted, and
// answers the exit code of its last run. It answers at once for one that does not
// run.
func (p *Platform) Wait(ctx context.Context, id string) (int, error) {
	proc, r := p.runOf(id)
	if proc == nil {
		return 0, missing("wait for", id)
	}
	if r == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		return proc.exit, nil
	}
	select {
	case <-r.done:
		return r.exit, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for process %s: %w", proc.name, ctx.Err())
	}
}

// runOf finds the run of a process; nil when there is no such process, or it
// does not run.
func (p *Platform) runOf(id string) (*process, *run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	proc, ok := p.find(id)
	if !ok {
		return nil, nil
	}
	return proc, proc.run
}

// Rename gives a process another name; the one it has is fine. The error is
// catalog.ErrNameTaken when another process has the name.
func (p *Platform) Rename(_ context.Context, id, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	proc, ok := p.find(id)
	if !ok {
		return missing("rename", id)
	}
	if other, taken := p.find(name); taken && other != proc {
		return fmt.Errorf("rename process %s to %s: %w; remove the other one or choose another name", proc.name, name, catalog.ErrNameTaken)
	}
	proc.name = name
	p.hint()
	return nil
}

// Remove removes a process, killing it if it runs. One that is gone is fine.
func (p *Platform) Remove(ctx context.Context, id string) error {
	if err := p.Stop(ctx, id, 0); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if proc, ok := p.find(id); ok {
		if proc.run != nil {
			return fmt.Errorf("remove process %s: somebody has started it meanwhile; try again", proc.name)
		}
		proc.files.remove()
		delete(p.procs, proc.id)
		p.hint()
	}
	return nil
}

// Logs are the last lines a process has written, to standard output and standard
// error as they came.
func (p *Platform) Logs(_ context.Context, id string, lines int) (string, error) {
	p.mu.Lock()
	proc, ok := p.find(id)
	p.mu.Unlock()
	if !ok {
		return "", missing("read the logs of", id)
	}
	return proc.logs.last(lines), nil
}

// Follow copies to out what a process writes, after the last lines that it has
// written before, or all that are kept when lines is negative. It ends with the
// process, or with ctx, whose error it answers then. Lines are copied whole, and
// those that come faster than out takes them may be left out.
func (p *Platform) Follow(ctx context.Context, id string, lines int, out io.Writer) error {
	proc, r := p.runOf(id)
	if proc == nil {
		return missing("follow the logs of", id)
	}
	ended := make(chan struct{})
	if r != nil {
		ended = r.done
	} else {
		close(ended)
	}
	return proc.logs.follow(ctx, lines, ended, out)
}
