package hosts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/timing"
	"teal/deployer/work"
)

// Once runs the container on the first host.
func (p *Platform) Once(ctx context.Context, w work.Order, c plan.Container, out io.Writer) (exitCode int, err error) {
	hosts := p.used()
	if len(hosts) == 0 {
		return 0, errors.New("there is no host to run it on")
	}
	h := hosts[0]
	if _, err := h.Pull(ctx, c.Image); err != nil {
		return 0, fmt.Errorf("host %s: image %s can't be had there: %w", h.Name(), c.Image, err)
	}
	if err := removeLeft(ctx, h, c); err != nil {
		return 0, fmt.Errorf("host %s: %w", h.Name(), err)
	}
	id, err := startOne(ctx, h, c.ContainerSpec)
	if id != "" {
		defer func() { err = errors.Join(err, removeOnce(ctx, h, id, c)) }()
	}
	if err != nil {
		return 0, fmt.Errorf("host %s: %w", h.Name(), err)
	}
	w.Step(h.Name(), c.Name, "started")
	return waitFollowing(ctx, h, id, out)
}

// removeLeft removes what a dead deployer left of the same.
func removeLeft(ctx context.Context, h Connected, c plan.Container) error {
	there, err := h.List(ctx, map[string]string{catalog.LabelService: c.Labels[catalog.LabelService], catalog.LabelTask: c.Labels[catalog.LabelTask]})
	if err != nil {
		return fmt.Errorf("look for an earlier %s: %w", c.Name, err)
	}
	for _, old := range there {
		if old.Name == c.Name {
			err = errors.Join(err, discard(ctx, h, old))
		}
	}
	return err
}

// waitFollowing waits for a container's end while its output is copied.
func waitFollowing(ctx context.Context, h Connected, id string, out io.Writer) (int, error) {
	following, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() { _ = h.Follow(following, id, -1, out) }) // what is shown is a convenience
	code, err := h.Wait(ctx, id)
	timer := time.AfterFunc(timing.LastOutput, stop)
	wait.Wait()
	timer.Stop()
	stop()
	if err != nil {
		return 0, fmt.Errorf("host %s: %w", h.Name(), err)
	}
	return code, nil
}

func removeOnce(ctx context.Context, h Connected, id string, c plan.Container) error {
	ctx, done := timing.Bounded(ctx, c.StopGrace+timing.Cleanup)
	defer done()
	if err := h.Stop(ctx, id, c.StopGrace); err != nil {
		return fmt.Errorf("stop %s: %w", c.Name, err)
	}
	if err := h.Remove(ctx, id); err != nil {
		return fmt.Errorf("remove %s: %w", c.Name, err)
	}
	return nil
}
