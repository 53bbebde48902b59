package hosts

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/work"
)

// Containers looks at all hosts at once that the work was begun on.
func (p *Platform) Containers(ctx context.Context, w work.Order) ([]work.Placed, error) {
	var mu sync.Mutex
	var all []work.Placed
	hosts := p.used()
	hosts = hosts[:max(0, len(hosts)-w.Later/max(1, w.Env.Replicas))]
	err := p.onAll(ctx, w, hosts, func(ctx context.Context, h Connected) error {
		cs, err := mine(ctx, h, w.Record)
		if err == nil {
			err = intact(h, cs, len(w.Plan.Containers))
		}
		mu.Lock()
		defer mu.Unlock()
		for _, c := range cs {
			all = append(all, work.Placed{Container: c, Place: h.Name()})
		}
		return err
	})
	return all, err
}

// intact is what is wrong with a host's containers that no waiting cures.
func intact(h Connected, there []catalog.Container, planned int) error {
	for _, c := range there {
		if plan.HasFailed(c) {
			return fmt.Errorf("%s exited with %d before the flip: %w", c.Name, c.ExitCode, work.ErrBroken)
		}
	}
	if len(there) < planned {
		return fmt.Errorf("there are %d of the %d containers that were started; somebody else removed one: %w", len(there), planned, work.ErrBroken)
	}
	return nil
}

// LogLines is how many lines of a container's log are taken for its last words.
const LogLines = 25

// Logs asks every host that answers.
func (p *Platform) Logs(ctx context.Context, w work.Order) []work.ContainerLog {
	hosts := p.used()
	found := make([][]work.ContainerLog, len(hosts))
	var wait sync.WaitGroup
	for n, h := range hosts {
		wait.Go(func() {
			cs, err := mine(ctx, h, w.Record)
			if err != nil {
				return // its absence is not what the deployment failed of
			}
			for _, c := range suspects(cs, w.Spec.Routed) {
				found[n] = append(found[n], containerLog(ctx, h, c))
			}
		})
	}
	wait.Wait()
	return slices.Concat(found...)
}

// suspects are the containers whose logs may tell why: those that exited, else
// those that are not healthy and those that take the requests.
func suspects(there []catalog.Container, routed string) []catalog.Container {
	var exited, running []catalog.Container
	for _, c := range there {
		if c.Started.IsZero() {
			continue // what it waits for was not there
		}
		if plan.HasFailed(c) {
			exited = append(exited, c)
		} else if plan.IsAiling(c) || c.Labels[catalog.LabelPart] == routed {
			running = append(running, c)
		}
	}
	if len(exited) > 0 {
		return exited
	}
	return running
}

func containerLog(ctx context.Context, h Connected, c catalog.Container) work.ContainerLog {
	log := work.ContainerLog{Host: h.Name(), Container: c.Name, State: "is running"}
	switch {
	case !c.Running:
		log.State = fmt.Sprintf("exited with %d", c.ExitCode)
	case plan.IsAiling(c):
		log.State = fmt.Sprintf("is running and %s (its HEALTHCHECK said: %s)", c.Health, cmp.Or(strings.TrimSpace(c.HealthOutput), "nothing"))
	}
	lines, err := h.Logs(ctx, c.ID, LogLines)
	if err != nil {
		lines = fmt.Sprintf("(its logs can't be read: %s)", err)
	}
	log.Lines = lines
	return log
}
