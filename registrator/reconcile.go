package registrator

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// view is what one look has found.
type view struct {
	desired   []catalog.Registration
	actual    []catalog.Registration
	changes   Changes
	concluded []string // requests to drain that are done with
	problems  []catalog.Problem
}

func (a *Agent) look(ctx context.Context) (view, error) {
	containers, err := within(ctx, a.conf.Timeout, a.conf.Runtime.Containers)
	if err != nil {
		return view{}, fmt.Errorf("list the containers: %w", err)
	}
	actual, err := within(ctx, a.conf.Timeout, a.conf.Registry.Registered)
	if err != nil {
		return view{}, fmt.Errorf("list the registrations: %w", err)
	}
	owner := a.conf.Options.Owner
	v := view{actual: actual}
	v.desired, v.problems = Desired(containers, a.conf.Options)
	o := a.orders(ctx, containers, &v)
	var retire []string
	if a.conf.Options.Adopt {
		taken := adopt(v.desired, actual, owner)
		v.desired, actual, retire = taken.desired, taken.actual, taken.retire
	}
	v.desired = held(v.desired, actual, o)
	v.changes = Plan(v.desired, actual, owner)
	v.changes.Deregister = append(v.changes.Deregister, retire...)
	return v, nil
}

// orders reads what was asked of the instances. That it can't be read keeps
// nothing else back.
func (a *Agent) orders(ctx context.Context, containers []catalog.Container, v *view) orders {
	o := orders{ended: a.told.judge(containers)}
	if a.conf.Drains == nil {
		return o
	}
	requests, err := within(ctx, a.conf.Timeout, a.conf.Drains.Requests)
	if err != nil {
		v.problems = append(v.problems, catalog.Problem{Subject: "drains", Message: fmt.Sprintf(
			"the requests to drain can't be read, so those in force stay: %s", err)})
		return o
	}
	if o.drains = requests; o.drains == nil {
		o.drains = map[string]catalog.DrainRequest{}
	}
	v.concluded = concluded(v.desired, v.actual, o.drains, a.conf.Options.Owner)
	return o
}

// outcome is what is told of one look and the writes after it.
type outcome struct {
	seen       bool // both sides could be read, so the rest means something
	registered int
	problems   []catalog.Problem
}

func (a *Agent) reconcile(ctx context.Context) (outcome, error) {
	v, err := a.look(ctx)
	if err != nil {
		return outcome{}, err
	}
	w := writing{agent: a, failed: map[string]bool{}}
	v.changes = w.settle(ctx, v)
	w.apply(ctx, v.changes)
	w.refresh(ctx, v)
	found := outcome{
		seen:       true,
		registered: len(v.desired) - len(v.changes.Problems) - len(w.refused),
		problems:   slices.Concat(v.problems, v.changes.Problems, w.refused),
	}
	return found, errors.Join(w.failures...)
}

// within calls a function that lists something, with a deadline.
func within[T any](ctx context.Context, limit time.Duration, list func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return list(ctx)
}
