// Package demo is the story that `teal demo` tells: two deployments of a sample
// service under load, a flip and a rollback, and not one failed request.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
	"teal/dev"
	"teal/dev/load"
	"teal/dev/process"
)

//go:embed compose.yaml
var composeFile []byte

// The story's cast: what is deployed, and where.
const (
	service     = "web"
	environment = catalog.DefaultAlias
	before      = "1.0.0"
	after       = "2.0.0"
)

const (
	workers   = 8
	perSecond = 400
	// look is how long the story rests where there is something to see.
	look = 1500 * time.Millisecond
)

// Images are what the story deploys; self is the path of the teal binary.
func Images(self string) map[string]process.Image {
	images := map[string]process.Image{}
	for _, release := range []string{before, after} {
		images["sample:"+release] = process.Image{Command: []string{self, "sample", "--release", release}}
	}
	return images
}

// ErrFailedRequests is the end of a story in which a request failed.
var ErrFailedRequests = errors.New("requests failed")

// Story tells what happens in a world that runs.
type Story struct {
	World *dev.World
	Out   io.Writer
	Now   func() time.Time

	began       time.Time
	load        *load.Load
	deployments int
	rollbacks   int
}

// Tell plays the story and answers its last line. The error wraps
// ErrFailedRequests if one failed.
func (s *Story) Tell(ctx context.Context) (string, error) {
	s.began = s.Now()
	dir, err := os.MkdirTemp("", "teal-demo-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the service file: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "compose.yaml")
	if err := os.WriteFile(file, composeFile, 0o600); err != nil {
		return "", fmt.Errorf("write the service file: %w", err)
	}
	s.load = load.New(load.Options{
		URL: s.World.ServiceURL(service), Addr: s.World.ProxyAddr(), Workers: workers, PerSecond: perSecond,
	})
	err = s.play(ctx, file)
	return s.ending(), err
}

func (s *Story) play(ctx context.Context, file string) error {
	s.say("")
	s.say("1. Deploy %s. Nobody calls it yet.", before)
	if err := s.deploy(ctx, file, before); err != nil {
		return err
	}
	s.say("   %s is live at %s", before, s.World.ServiceURL(service))

	loadCtx, stopLoad := context.WithCancel(ctx)
	loaded := make(chan struct{})
	s.load.Expect(before)
	go func() {
		defer close(loaded)
		s.load.Run(loadCtx)
	}()
	err := s.underLoad(ctx, file)
	stopLoad()
	<-loaded
	if tally := s.load.Tally(); err == nil && tally.Failed > 0 {
		return fmt.Errorf("%w: the first was: %s", ErrFailedRequests, tally.First)
	}
	return err
}

func (s *Story) underLoad(ctx context.Context, file string) error {
	s.say("")
	s.say("2. Put load on it: %d connections, %d requests a second.", workers, perSecond)
	if err := s.watch(ctx); err != nil {
		return err
	}

	s.say("")
	s.say("3. Deploy %s into the colour nobody sees, check it, flip.", after)
	s.load.Expect(before, after)
	if err := s.deploy(ctx, file, after); err != nil {
		return err
	}
	s.load.Expect(after)
	if err := s.watch(ctx); err != nil {
		return err
	}

	s.say("")
	s.say("4. Roll back to %s.", before)
	s.load.Expect(before, after)
	began := s.Now()
	if _, err := s.World.Deployer(s.event).Rollback(ctx, service, environment, false); err != nil {
		return err
	}
	s.rollbacks++
	s.load.Expect(before)
	s.say("   back on %s after %s", before, s.Now().Sub(began).Round(time.Millisecond))
	return s.watch(ctx)
}

func (s *Story) deploy(ctx context.Context, file, release string) error {
	spec, err := servicefile.Load(ctx, file, append(os.Environ(), "RELEASE="+release))
	if err != nil {
		return err
	}
	_, err = s.World.Deployer(s.event).Deploy(ctx, deployer.Request{Spec: spec, Environment: environment})
	if err == nil {
		s.deployments++
	}
	return err
}

// watch shows what the load sees for a moment.
func (s *Story) watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(look):
	}
	s.say("   load: %s", s.load.Tally())
	return nil
}

func (s *Story) event(e deployer.Event) {
	switch {
	case e.Kind == deployer.Entered:
		s.say("   %-10s %s", e.State, e.Text)
	default:
		s.say("   %-10s %s", "", e.Text)
	}
}

func (s *Story) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if text == "" {
		fmt.Fprintln(s.Out)
		return
	}
	fmt.Fprintf(s.Out, "%6.2fs  %s\n", s.Now().Sub(s.began).Seconds(), text)
}

func (s *Story) ending() string {
	t := s.load.Tally()
	return fmt.Sprintf("demo: %s, %s, %s, %d failed",
		count(s.deployments, "deployment"), count(s.rollbacks, "rollback"), count(t.Requests, "request"), t.Failed)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
