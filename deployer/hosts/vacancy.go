package hosts

import (
	"context"
	"fmt"

	"teal/catalog"
	"teal/deployer/plan"
)

// vacancies are the names on a host that earlier containers have still; a channel
// is closed when its name is free.
type vacancies map[string]chan struct{}

func vacanciesAfter(old leftovers) vacancies {
	v := vacancies{}
	for _, c := range old.keep {
		v[plan.PlannedName(c)] = make(chan struct{})
	}
	return v
}

// vacate gives a container the name that it is kept under, and its own away.
func (v vacancies) vacate(ctx context.Context, h Connected, c catalog.Container) error {
	if !plan.IsAside(c) {
		if err := h.Rename(ctx, c.ID, c.Name+plan.PreviousSuffix); err != nil {
			return fmt.Errorf("put %s aside: %w", c.Name, err)
		}
	}
	close(v[plan.PlannedName(c)])
	return nil
}

// await waits until a name is free.
func (v vacancies) await(ctx context.Context, name string) error {
	taken, ok := v[name]
	if !ok {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-taken:
		return nil
	}
}
