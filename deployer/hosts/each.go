package hosts

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
)

// onHosts does something on all hosts at once; the first error ends the others.
func onHosts(ctx context.Context, hosts []Connected, do func(context.Context, Connected) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, h := range hosts {
		group.Go(func() error { return onHost(ctx, h, do) })
	}
	return group.Wait()
}

// Each does something on all hosts at once, each in a goroutine of its own,
// and lets each come to its end. It answers all errors, with the names of the hosts.
func Each(ctx context.Context, hosts []Connected, do func(context.Context, Connected) error) error {
	errs := make([]error, len(hosts))
	var wait sync.WaitGroup
	for n, h := range hosts {
		wait.Go(func() { errs[n] = onHost(ctx, h, do) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

func onHost(ctx context.Context, h Connected, do func(context.Context, Connected) error) error {
	if err := do(ctx, h); err != nil {
		return fmt.Errorf("host %s: %w", h.Name(), err)
	}
	return nil
}
