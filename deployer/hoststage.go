package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"teal/catalog"
)

// previousSuffix marks the stopped containers of the release that a deployment
// replaces in its target, until the new one is there to stay.
const previousSuffix = ".previous"

// pull gets the images onto all hosts at once.
func (p *hostPlatform) pull(ctx context.Context, w work) (map[string]string, error) {
	pulled := &pulledImages{of: map[string]string{}}
	err := p.onAll(ctx, w, p.used(), func(ctx context.Context, h host) error {
		return pulled.on(ctx, w, h)
	})
	return pulled.of, err
}

// pulledImages is what each part's image is on the hosts that have pulled it.
type pulledImages struct {
	mu sync.Mutex
	of map[string]string // by part
}

func (i *pulledImages) on(ctx context.Context, w work, h host) error {
	seen := map[string]string{}
	for _, part := range w.spec.Parts {
		image := imageOf(part, w.record.Images)
		id, ok := seen[image]
		if !ok {
			var err error
			if id, err = h.Pull(ctx, image); err != nil {
				return fmt.Errorf("image %s can't be had there; build it, or push it to where this host can pull it from: %w", image, err)
			}
			seen[image] = id
			w.step(h.Name(), "", "pulled %s", image)
		}
		if want := w.record.Images[part.Name]; want != "" && !isPinned(want) && want != id {
			return fmt.Errorf("image %s of part %s is %s there, and the release that is promoted runs %s; push the image to a registry that all hosts pull it from, and deploy it anew", image, part.Name, id, want)
		}
		if other := i.add(part.Name, id); other != id {
			w.note("image %s is %s on %s and %s elsewhere; name images by digest, or keep them in a registry", image, id, h.Name(), other)
		}
	}
	return nil
}

// add is what the part's image is on the first host that told.
func (i *pulledImages) add(part, id string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, known := i.of[part]; !known {
		i.of[part] = id
	}
	return i.of[part]
}

// stage puts aside what the target holds and starts the work, a batch of hosts at
// a time. The earlier containers are stopped and kept under another name, so that
// a failure can bring them back. In an uncoloured environment this is the outage:
// its only containers stop, and the new ones get requests as soon as they pass.
// Running both side by side would need two private networks and volumes, which is
// what coloured environments are.
func (p *hostPlatform) stage(ctx context.Context, w work, ready func(context.Context, int) error) error {
	hosts := p.used()
	size := len(hosts)
	if w.env.Batch > 0 {
		size = w.env.Batch
	}
	for n, batch := range slices.Collect(slices.Chunk(hosts, size)) {
		err := p.onAll(ctx, w, batch, func(ctx context.Context, h host) error { return p.stageOn(ctx, w, h) })
		if err != nil {
			return err
		}
		started := min((n+1)*size, len(hosts)) - (len(hosts) - len(p.used()))
		if started == len(p.used()) {
			return nil
		}
		if err := ready(ctx, started*w.env.Replicas); err != nil {
			return err
		}
	}
	return nil
}

// stageOn creates the new containers of a host while the earlier ones still end,
// each once its name is free, and starts them when all of those have ended: old
// and new share names on the network, volumes and ports.
func (p *hostPlatform) stageOn(ctx context.Context, w work, h host) error {
	there, err := listTarget(ctx, h, w.record.Service, w.record.Target)
	if err != nil {
		return err
	}
	old := arrange(there, w.record.Replaces)
	names := vacanciesAfter(old)
	var ids []string
	group, together := errgroup.WithContext(ctx)
	group.Go(func() error { return p.putAside(together, w, h, old, names) })
	group.Go(func() error {
		ids, err = p.create(together, w, h, names)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return p.start(ctx, w, h, ids)
}

// listTarget lists a target's containers on a host, the oldest first. Those of
// releases that are kept are no part of it.
func listTarget(ctx context.Context, h Host, service string, t catalog.Target) ([]catalog.Container, error) {
	cs, err := listColour(ctx, h, service, t)
	return slices.DeleteFunc(cs, isKept), err
}

// listColour lists a target's containers and those kept that once were, the
// oldest first.
func listColour(ctx context.Context, h Host, service string, t catalog.Target) ([]catalog.Container, error) {
	cs, err := h.List(ctx, targetLabels(service, t))
	if err != nil {
		return nil, fmt.Errorf("list the containers of %s: %w", t, err)
	}
	cs = slices.DeleteFunc(cs, func(c catalog.Container) bool {
		return c.Labels[catalog.LabelColour] != string(t.Colour) || isShared(c) // no label can be asked for as missing
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
	var l leftovers
	for _, c := range existing {
		if isTask(c) {
			l.discard = append(l.discard, c)
			continue
		}
		name := strings.TrimSuffix(c.Name, previousSuffix)
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], c)
	}
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

func (p *hostPlatform) putAside(ctx context.Context, w work, h host, l leftovers, names vacancies) error {
	for _, c := range l.discard {
		if err := discard(ctx, h, c); err != nil {
			return err
		}
		w.step(h.Name(), c.Name, "removed what an earlier deployment left")
	}
	for _, c := range l.keep {
		if !isRegistered(c) {
			if err := names.vacate(ctx, h, c); err != nil {
				return err
			}
		}
	}
	return eachPart(ctx, l.keep, func(ctx context.Context, c catalog.Container) error {
		if err := stopOne(ctx, h, c, w.grace(c)); err != nil {
			return err
		}
		if !isAside(c) {
			w.step(h.Name(), c.Name, "stopped the standby and put it aside")
		}
		if !isRegistered(c) {
			return nil
		}
		return names.vacate(ctx, h, c)
	})
}

// isRegistered tells whether a container has instances in Consul while it runs,
// whose ids have its name in them.
func isRegistered(c catalog.Container) bool { return c.Labels[catalog.ServiceIgnore] == "" }

// stopParts stops containers, as eachPart goes through them.
func stopParts(ctx context.Context, h host, cs []catalog.Container, grace func(catalog.Container) time.Duration) error {
	return eachPart(ctx, cs, func(ctx context.Context, c catalog.Container) error { return stopOne(ctx, h, c, grace(c)) })
}

func stopOne(ctx context.Context, h host, c catalog.Container, grace time.Duration) error {
	if err := h.Stop(ctx, c.ID, grace); err != nil {
		return fmt.Errorf("stop %s: %w", c.Name, err)
	}
	return nil
}

// eachPart does something with containers, the oldest of which is the first in
// the list: with all replicas of a part at once, and with those who depend on
// others before them.
func eachPart(ctx context.Context, cs []catalog.Container, do func(context.Context, catalog.Container) error) error {
	for end := len(cs); end > 0; {
		begin := end - 1
		for begin > 0 && cs[begin-1].Labels[catalog.LabelPart] == cs[end-1].Labels[catalog.LabelPart] {
			begin--
		}
		group, ctx := errgroup.WithContext(ctx)
		for _, c := range cs[begin:end] {
			group.Go(func() error { return do(ctx, c) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		end = begin
	}
	return nil
}

// grace is how long a container of the target may take to end: what the file
// says of its part now, as the one it was started from is not at hand.
func (w work) grace(c catalog.Container) time.Duration {
	for _, part := range w.spec.Parts {
		if part.Name == c.Labels[catalog.LabelPart] && part.StopGrace > 0 {
			return part.StopGrace
		}
	}
	return defaultStopGrace
}

// discard stops and removes a container.
func discard(ctx context.Context, h host, c catalog.Container) error {
	if err := stopOne(ctx, h, c, defaultStopGrace); err != nil {
		return err
	}
	if err := h.Remove(ctx, c.ID); err != nil {
		return fmt.Errorf("remove %s: %w", c.Name, err)
	}
	return nil
}

// create creates all of the work on a host, and what it shares, and answers the
// ids in the plan's order.
func (p *hostPlatform) create(ctx context.Context, w work, h host, names vacancies) (ids []string, err error) {
	if err := p.startShared(ctx, w, h); err != nil {
		return nil, err
	}
	if err := h.EnsureNetwork(ctx, w.plan.Network, w.plan.NetworkLabels); err != nil {
		return nil, fmt.Errorf("make network %s: %w", w.plan.Network, err)
	}
	for _, c := range w.plan.Containers {
		if err := names.await(ctx, c.Name); err != nil {
			return nil, err
		}
		id, err := createOne(ctx, h, w.toStart(c, w.env.Weights[h.endpoint]))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// start starts what was created, what others wait for first.
func (p *hostPlatform) start(ctx context.Context, w work, h host, ids []string) error {
	for n, c := range w.plan.Containers {
		if err := p.awaitDependencies(ctx, w, h, c); err != nil {
			return err
		}
		if err := h.Start(ctx, ids[n]); err != nil {
			return fmt.Errorf("start %s: %w", c.Name, err)
		}
		w.step(h.Name(), c.Name, "started")
	}
	return nil
}

func createOne(ctx context.Context, h host, spec catalog.ContainerSpec) (id string, err error) {
	id, err = h.Create(ctx, spec)
	if errors.Is(err, catalog.ErrNameTaken) {
		return "", fmt.Errorf("create %s: a container that is not Teal's has that name; rename or remove it: %w", spec.Name, err)
	}
	if err != nil {
		return "", fmt.Errorf("create %s: %w", spec.Name, err)
	}
	return id, nil
}

func startOne(ctx context.Context, h host, spec catalog.ContainerSpec) (id string, err error) {
	id, err = createOne(ctx, h, spec)
	if err != nil {
		return "", err
	}
	if err := h.Start(ctx, id); err != nil {
		return id, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return id, nil
}
