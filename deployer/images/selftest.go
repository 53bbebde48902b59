package images

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer/printable"
	"teal/deployer/servicefile"
	"teal/deployer/timing"
)

// Host is where an image is tried by itself; a Docker engine is one. Its methods
// are those of the host that a deployment runs on.
type Host interface {
	Name() string
	Pull(ctx context.Context, image string) (digest string, err error)
	Create(ctx context.Context, spec catalog.ContainerSpec) (id string, err error)
	Start(ctx context.Context, id string) error
	Wait(ctx context.Context, id string) (exitCode int, err error)
	Follow(ctx context.Context, id string, lines int, out io.Writer) error
	Stop(ctx context.Context, id string, grace time.Duration) error
	Remove(ctx context.Context, id string) error
	List(ctx context.Context, labels map[string]string) ([]catalog.Container, error)
}

const (
	selfTestName = "self-test"
	noNetwork    = "none" // Docker's network that leads nowhere
	// selfTestSlack is how much longer than its time a self-test may be there before
	// it is taken for one whose Teal was killed. Clocks of hosts differ.
	selfTestSlack = 10 * time.Minute
)

// SelfTest runs the service file's self-test in a container that has the
// built image and nothing else: no network, no variables, no volumes. Its output
// goes to out. The error is nil when it ends with 0. The container is removed,
// however it ends; one that a killed Teal has left is removed by the next test.
// A file without a self-test is fine.
func SelfTest(ctx context.Context, h Host, spec *servicefile.Spec, out io.Writer) error {
	image, err := SelfTested(spec)
	if err != nil || image == "" {
		return err
	}
	timeout := cmp.Or(spec.SelfTest.Timeout, servicefile.DefaultTaskTimeout)
	if err := sweepSelfTests(ctx, h, spec, time.Now().Add(-timeout-selfTestSlack)); err != nil {
		return err
	}
	if _, err := h.Pull(ctx, image); err != nil {
		return fmt.Errorf("host %s: image %s can't be had there; build it first: %w", h.Name(), image, err)
	}
	bound, done := context.WithTimeout(ctx, timeout)
	defer done()
	said := &printable.LineWriter{Line: func(string) {}}
	code, err := runAlone(bound, h, selfTestContainer(spec, image), io.MultiWriter(out, said))
	said.End()
	switch {
	case ctx.Err() != nil:
		return errors.Join(fmt.Errorf("the self-test of %s was broken off: %w", image, context.Cause(ctx)), leftover(err))
	case bound.Err() != nil:
		return errors.Join(fmt.Errorf("the self-test of %s did not end within %s and was killed; it last wrote: %q", image, timeout, said.Last()), leftover(err))
	case err != nil:
		return fmt.Errorf("the self-test of %s on host %s: %w", image, h.Name(), err)
	case code != 0:
		return fmt.Errorf("the self-test of %s ended with %d; it last wrote: %q", image, code, said.Last())
	}
	return nil
}

// SelfTested is the image that the self-test tries; empty where the file has no
// self-test. It is pure.
func SelfTested(spec *servicefile.Spec) (string, error) {
	if spec.SelfTest == nil {
		return "", nil
	}
	name := cmp.Or(spec.SelfTest.Part, spec.Routed)
	for _, part := range spec.Parts {
		if part.Name == name {
			return part.Image, nil
		}
	}
	return "", fmt.Errorf("the self-test is of part %s, which %s does not have", name, spec.Path)
}

// selfTestContainer has a name that no other run has, as two pipelines may test
// on one host at a time.
func selfTestContainer(spec *servicefile.Spec, image string) catalog.ContainerSpec {
	labels := selfTestLabels(spec)
	labels[catalog.ServiceIgnore] = "true"
	return catalog.ContainerSpec{
		Name:       fmt.Sprintf("%s-%s-%s", spec.Service, selfTestName, strings.ToLower(rand.Text()[:8])),
		Image:      image,
		Entrypoint: slices.Clone(spec.SelfTest.Command), // all of it, as the image's own command would follow
		Labels:     labels,
		Network:    noNetwork,
		Restart:    "no",
	}
}

func selfTestLabels(spec *servicefile.Spec) map[string]string {
	return map[string]string{catalog.LabelService: spec.Service, catalog.LabelTask: selfTestName}
}

// sweepSelfTests removes the containers of tests that began before a time.
func sweepSelfTests(ctx context.Context, h Host, spec *servicefile.Spec, before time.Time) error {
	old, err := h.List(ctx, selfTestLabels(spec))
	if err != nil {
		return fmt.Errorf("look for self-tests on host %s: %w", h.Name(), err)
	}
	for _, c := range old {
		if c.Created.IsZero() || !c.Created.Before(before) || c.Labels[catalog.LabelEnvironment] != "" {
			continue
		}
		if err := removeAlone(ctx, h, c.ID, c.Name); err != nil {
			return err
		}
	}
	return nil
}

// runAlone runs a container to its end and removes it. Creating it is not broken
// off, as there might be a container then that nobody knows of.
func runAlone(ctx context.Context, h Host, c catalog.ContainerSpec, out io.Writer) (code int, err error) {
	creating, created := timing.Bounded(ctx, timing.Cleanup)
	id, err := h.Create(creating, c)
	created()
	if err != nil {
		return 0, fmt.Errorf("create %s: %w", c.Name, err)
	}
	defer func() { err = errors.Join(err, removeAlone(ctx, h, id, c.Name)) }()
	if err := h.Start(ctx, id); err != nil {
		return 0, fmt.Errorf("start %s: %w", c.Name, err)
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	var wait sync.WaitGroup
	wait.Go(func() { _ = h.Follow(following, id, -1, out) }) // its exit code decides, whatever is shown
	code, err = h.Wait(ctx, id)
	timer := time.AfterFunc(timing.LastOutput, stop)
	wait.Wait()
	timer.Stop()
	return code, err
}

// errLeft: a container is still there that should be gone.
var errLeft = errors.New("remove it by hand")

// leftover is that a container is left, where err says so.
func leftover(err error) error {
	if errors.Is(err, errLeft) {
		return err
	}
	return nil
}

// removeAlone kills and removes a container, also when ctx has ended.
func removeAlone(ctx context.Context, h Host, id, name string) error {
	ctx, done := timing.Bounded(ctx, timing.Cleanup)
	defer done()
	err := h.Stop(ctx, id, 0)
	if err == nil {
		err = h.Remove(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("container %s is left on host %s, %w: docker rm -f %s (%w)", name, h.Name(), errLeft, name, err)
	}
	return nil
}
