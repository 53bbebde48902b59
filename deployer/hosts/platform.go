package hosts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"teal/deployer/work"
)

// Platform is a number of hosts, all of which run the same. It is safe for
// concurrent use.
type Platform struct {
	via     Set
	mu      sync.Mutex
	hosts   []Connected // that are used
	left    []string    // endpoints that were left out
	dropped []Connected // of those, the ones that answered at first
	atLeast int         // how many hosts must be used; 0 for all
}

// used are the hosts as they are now; some may be dropped at any time.
func (p *Platform) used() []Connected {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.hosts)
}

// Places are the endpoints of the hosts.
func (p *Platform) Places() (used, missed []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.hosts {
		used = append(used, h.Endpoint)
	}
	return used, slices.Clone(p.left)
}

// Instances is how many the hosts that are used now make together.
func (p *Platform) Instances(w work.Order) int { return len(p.used()) * w.Env.Replicas }

// drop leaves out hosts that do not answer, where the environment can do without
// them. Otherwise the error is answered as it is.
func (p *Platform) drop(w work.Order, gone map[string]error) error {
	all := describeGone(gone)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch rest := len(p.hosts) - len(gone); {
	case len(gone) == 0:
		return nil
	case p.atLeast == 0:
		return all
	case rest < p.atLeast:
		return fmt.Errorf("%d of %d hosts are left, and environment %s needs at least %d: %w", rest, len(p.hosts), w.Env.Name, p.atLeast, all)
	}
	p.hosts = slices.DeleteFunc(slices.Clone(p.hosts), func(h Connected) bool {
		_, isGone := gone[h.Endpoint]
		if isGone {
			p.left, p.dropped = append(p.left, h.Endpoint), append(p.dropped, h)
			w.Note("host %s is left out, as it does not answer: %s", h.Name(), gone[h.Endpoint])
		}
		return isGone
	})
	return nil
}

// describeGone is what is wrong with hosts that are gone, by their endpoints.
func describeGone(gone map[string]error) error {
	var all error
	for _, endpoint := range slices.Sorted(maps.Keys(gone)) {
		all = errors.Join(all, fmt.Errorf("host %s: %w", endpoint, gone[endpoint]))
	}
	return all
}

// onAll does something on all hosts at once. A host that fails and does not even
// answer a ping is left out where that is allowed; any other failure is answered,
// and ends the others.
func (p *Platform) onAll(ctx context.Context, w work.Order, hosts []Connected, do func(context.Context, Connected) error) error {
	return p.sparing(ctx, w, hosts, onHosts, do)
}

// onEvery is onAll that lets each host come to its end, and answers all failures.
func (p *Platform) onEvery(ctx context.Context, w work.Order, hosts []Connected, do func(context.Context, Connected) error) error {
	return p.sparing(ctx, w, hosts, Each, do)
}

// sparing does something on hosts by one of the ways to go through them, and
// leaves out those that are gone.
func (p *Platform) sparing(
	ctx context.Context, w work.Order, hosts []Connected,
	on func(context.Context, []Connected, func(context.Context, Connected) error) error, do func(context.Context, Connected) error,
) error {
	var mu sync.Mutex
	gone := map[string]error{}
	err := on(ctx, hosts, func(ctx context.Context, h Connected) error {
		err := do(ctx, h)
		if err == nil || ctx.Err() != nil || p.atLeast == 0 || h.Ping(ctx) == nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		gone[h.Endpoint] = err
		return nil
	})
	if err != nil {
		return errors.Join(err, describeGone(gone))
	}
	return p.drop(w, gone)
}
