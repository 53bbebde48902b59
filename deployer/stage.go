package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"teal/catalog"
)

// previousSuffix marks the stopped containers of the release that a deployment
// replaces in its target, until the flip is through.
const previousSuffix = ".previous"

// ping asks all hosts before any is touched, so that a dead one does not leave
// the fleet mixed.
func (r *run) ping(ctx context.Context) error {
	return onEveryHost(ctx, r.hosts, func(ctx context.Context, h host) error {
		if err := h.Ping(ctx); err != nil {
			return fmt.Errorf("it does not answer at %s, so nothing was started; see that its engine runs and can be reached: %w", h.endpoint, err)
		}
		return nil
	})
}

func (r *run) pull(ctx context.Context) error {
	var mu sync.Mutex
	return onHosts(ctx, r.hosts, func(ctx context.Context, h host) error {
		seen := map[string]string{}
		for _, part := range r.spec.Parts {
			digest, ok := seen[part.Image]
			if !ok {
				var err error
				if digest, err = h.Pull(ctx, part.Image); err != nil {
					return fmt.Errorf("image %s can't be had there; build it, or push it to where this host can pull it from: %w", part.Image, err)
				}
				seen[part.Image] = digest
				r.step(h, "", "pulled %s", part.Image)
			}
			mu.Lock()
			other, known := r.images[part.Name]
			if !known {
				r.images[part.Name] = digest
			}
			mu.Unlock()
			if known && other != digest {
				r.note("image %s is %s on %s and %s elsewhere; name images by digest or by a tag that never moves", part.Image, digest, h.Name(), other)
			}
		}
		return nil
	})
}

// stage starts the new release in its target.
//
// The release record goes first: from then on routers send nothing to what the
// target held before, and what the target holds now is not taken for ready.
// The earlier containers are stopped and kept under another name, so that a
// failure can bring them back. In an uncoloured environment this is the outage:
// its only containers stop, and the new ones get requests as soon as they pass.
// Running both side by side would need two private networks and volumes, which
// is what coloured environments are.
func (r *run) stage(ctx context.Context) error {
	if err := r.unmoved(ctx); err != nil {
		return err
	}
	existing, err := r.existing(ctx)
	if err != nil {
		return err
	}
	if err := r.opt.Store.PutRelease(ctx, r.record.Service, r.record.Target, r.release(catalog.Staging), r.lock.session); err != nil {
		return fmt.Errorf("record that %s is being replaced: %w", r.record.Target, err)
	}
	// A rollback takes no lock. From the record on it is refused; one that came
	// before it is seen here, before the colour it went to is stopped.
	if err := r.unmoved(ctx); err != nil {
		return err
	}
	r.vacate(ctx)
	return onHosts(ctx, r.hosts, func(ctx context.Context, h host) error {
		if err := r.putAside(ctx, h, arrange(existing[h.endpoint], r.record.Replaces)); err != nil {
			return err
		}
		return r.start(ctx, h)
	})
}

// unmoved tells whether the alias is still as it was when the target was chosen.
func (r *run) unmoved(ctx context.Context) error {
	service, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return fmt.Errorf("read service %s: %w", r.record.Service, err)
	}
	if now := service.Aliases[r.env.Name]; now.Index != r.alias.Index {
		return fmt.Errorf("%s points at %s by now: %w", r.env.Name, now.Value, catalog.ErrMoved)
	}
	return nil
}

// release is the record of what the deployment brings to its target.
func (r *run) release(state catalog.ReleaseState) catalog.Release {
	return catalog.Release{
		ID: r.record.Release, Revision: r.record.Revision, Images: r.images,
		Deployment: r.record.ID, State: state, At: r.opt.Now().UTC(),
	}
}

// existing lists what each host has of the target.
func (r *run) existing(ctx context.Context) (map[string][]catalog.Container, error) {
	var mu sync.Mutex
	found := map[string][]catalog.Container{}
	err := onHosts(ctx, r.hosts, func(ctx context.Context, h host) error {
		cs, err := listTarget(ctx, h, r.record.Service, r.record.Target)
		mu.Lock()
		defer mu.Unlock()
		found[h.endpoint] = cs
		return err
	})
	return found, err
}

// listTarget lists a target's containers on a host, the oldest first.
func listTarget(ctx context.Context, h Host, service string, t catalog.Target) ([]catalog.Container, error) {
	cs, err := h.List(ctx, targetLabels(service, t))
	if err != nil {
		return nil, fmt.Errorf("list the containers of %s: %w", t, err)
	}
	cs = slices.DeleteFunc(cs, func(c catalog.Container) bool {
		return c.Labels[catalog.LabelColour] != string(t.Colour) // no label can be asked for as missing
	})
	slices.SortStableFunc(cs, func(a, b catalog.Container) int { return a.Created.Compare(b.Created) })
	return cs, nil
}

// leftovers is what becomes of the containers that a target already has.
type leftovers struct {
	keep    []catalog.Container // put aside until the flip
	discard []catalog.Container // debris of a revert that could not reach the host
}

// arrange tells what to keep of a target's containers. Where a name is there
// twice, with and without the suffix, the one that belongs to the recorded
// release is kept. It is pure.
func arrange(existing []catalog.Container, recorded *catalog.Release) leftovers {
	byName := map[string][]catalog.Container{}
	var names []string
	for _, c := range existing {
		name := strings.TrimSuffix(c.Name, previousSuffix)
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], c)
	}
	var l leftovers
	for _, name := range names {
		keep := slices.IndexFunc(byName[name], func(c catalog.Container) bool {
			return recorded != nil && c.Labels[catalog.LabelDeployment] == recorded.Deployment
		})
		if keep < 0 {
			keep = max(0, slices.IndexFunc(byName[name], func(c catalog.Container) bool { return c.Name == name }))
		}
		for n, c := range byName[name] {
			if n == keep {
				l.keep = append(l.keep, c)
			} else {
				l.discard = append(l.discard, c)
			}
		}
	}
	return l
}

func (r *run) putAside(ctx context.Context, h host, l leftovers) error {
	for _, c := range l.discard {
		if err := discard(ctx, h, c); err != nil {
			return err
		}
		r.step(h, c.Name, "removed what an earlier deployment left")
	}
	for _, c := range slices.Backward(l.keep) { // who depends on others stops first
		if err := h.Stop(ctx, c.ID, r.grace(c)); err != nil {
			return fmt.Errorf("stop %s: %w", c.Name, err)
		}
		if strings.HasSuffix(c.Name, previousSuffix) {
			continue
		}
		if err := h.Rename(ctx, c.ID, c.Name+previousSuffix); err != nil {
			return fmt.Errorf("put %s aside: %w", c.Name, err)
		}
		r.step(h, c.Name, "stopped the standby and put it aside")
	}
	return nil
}

// grace is how long a container of the target may take to end: what the file
// says of its part now, as the one it was started from is not at hand.
func (r *run) grace(c catalog.Container) time.Duration {
	for _, part := range r.spec.Parts {
		if part.Name == c.Labels[catalog.LabelPart] && part.StopGrace > 0 {
			return part.StopGrace
		}
	}
	return defaultStopGrace
}

// discard stops and removes a container.
func discard(ctx context.Context, h Host, c catalog.Container) error {
	if err := h.Stop(ctx, c.ID, defaultStopGrace); err != nil {
		return fmt.Errorf("stop %s: %w", c.Name, err)
	}
	if err := h.Remove(ctx, c.ID); err != nil {
		return fmt.Errorf("remove %s: %w", c.Name, err)
	}
	return nil
}

func (r *run) start(ctx context.Context, h host) error {
	if err := h.EnsureNetwork(ctx, r.plan.Network, r.plan.NetworkLabels); err != nil {
		return fmt.Errorf("make network %s: %w", r.plan.Network, err)
	}
	for _, c := range r.plan.Containers {
		if err := r.awaitDependencies(ctx, h, c); err != nil {
			return err
		}
		id, err := h.Create(ctx, c.On(r.env.Weights[h.endpoint]))
		if errors.Is(err, catalog.ErrNameTaken) {
			return fmt.Errorf("create %s: a container that is not Teal's has that name; rename or remove it: %w", c.Name, err)
		}
		if err != nil {
			return fmt.Errorf("create %s: %w", c.Name, err)
		}
		if err := h.Start(ctx, id); err != nil {
			return fmt.Errorf("start %s: %w", c.Name, err)
		}
		r.step(h, c.Name, "started")
	}
	return nil
}
