package registrator

import (
	"context"
	"errors"
	"fmt"
)

// Withdraw deregisters all that this owner has registered and nothing else. It
// is for a host that is given up: call it when Run has ended. The containers run
// on.
func (a *Agent) Withdraw(ctx context.Context) error {
	actual, err := within(ctx, a.conf.Timeout, a.conf.Registry.Registered)
	if err != nil {
		return fmt.Errorf("list the registrations: %w", err)
	}
	present := byID(actual)
	var failures []error
	for _, id := range sortedIDs(present) {
		if !owned(present[id], a.conf.Options.Owner) {
			continue
		}
		if err := a.forget(ctx, id); err != nil {
			failures = append(failures, fmt.Errorf("deregister %s: %w", id, err))
			continue
		}
		a.conf.Logger.Info("deregistered", "id", id)
	}
	return errors.Join(failures...)
}

func (a *Agent) forget(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, a.conf.Timeout)
	defer cancel()
	return a.conf.Registry.Deregister(ctx, id)
}
