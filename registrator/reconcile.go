package registrator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"teal/catalog"
)

// Once looks at the containers and the registrations and writes what differs.
// When it could not see either, it writes nothing. A write that fails does not
// keep it from the others.
func (a *Agent) Once(ctx context.Context) error {
	outcome, err := a.reconcile(ctx)
	if ctx.Err() != nil {
		return ctx.Err() // told to end; that is no failure to speak of
	}
	a.record(outcome, err)
	return err
}

// outcome is what one look has found.
type outcome struct {
	seen       bool // both sides could be read, so the rest means something
	registered int
	problems   []catalog.Problem
}

func (a *Agent) reconcile(ctx context.Context) (outcome, error) {
	containers, err := within(ctx, a.conf.Timeout, a.conf.Runtime.Containers)
	if err != nil {
		return outcome{}, fmt.Errorf("list the containers: %w", err)
	}
	actual, err := within(ctx, a.conf.Timeout, a.conf.Registry.Registered)
	if err != nil {
		return outcome{}, fmt.Errorf("list the registrations: %w", err)
	}
	desired, problems := Desired(containers, a.conf.Options)
	changes := Plan(desired, actual, a.conf.Options.Owner)
	found := outcome{
		seen:       true,
		registered: len(desired) - len(changes.Problems),
		problems:   append(problems, changes.Problems...),
	}
	return found, a.apply(ctx, changes)
}

// apply writes the changes, new registrations first.
func (a *Agent) apply(ctx context.Context, changes Changes) error {
	var failures []error
	for _, r := range changes.Register {
		err := a.write(ctx, func(ctx context.Context) error { return a.conf.Registry.Register(ctx, r) })
		if err != nil {
			failures = append(failures, fmt.Errorf("register %s: %w", r.ID, err))
			continue
		}
		a.conf.Logger.Info("registered", "id", r.ID, "service", r.Service, "address", r.Address, "port", r.Port, "tags", r.Tags)
	}
	for _, id := range changes.Deregister {
		err := a.write(ctx, func(ctx context.Context) error { return a.conf.Registry.Deregister(ctx, id) })
		if err != nil {
			failures = append(failures, fmt.Errorf("deregister %s: %w", id, err))
			continue
		}
		a.conf.Logger.Info("deregistered", "id", id)
	}
	return errors.Join(failures...)
}

func (a *Agent) write(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, a.conf.Timeout)
	defer cancel()
	return do(ctx)
}

// within calls a function that lists something, with a deadline.
func within[T any](ctx context.Context, limit time.Duration, list func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return list(ctx)
}
