package deployer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"teal/catalog"
	"teal/deployer/servicefile"
	"teal/deployer/work"
)

// hostPlatform is a number of hosts, all of which run the same. It is safe for
// concurrent use.
type hostPlatform struct {
	*Deployer
	mu      sync.Mutex
	hosts   []host   // that are used
	left    []string // endpoints that were left out
	dropped []host   // of those, the ones that answered at first
	atLeast int      // how many hosts must be used; 0 for all
}

// platformOf is where the containers of an environment run whose hosts are known.
// Of those that were left out the platform only tells.
func (d *Deployer) platformOf(env servicefile.Environment, left ...string) (platform, error) {
	hosts, err := d.connect(env.Hosts)
	if err != nil {
		return nil, err
	}
	return &hostPlatform{Deployer: d, hosts: hosts, left: left, atLeast: env.AtLeast}, nil
}

// recordedPlatform is where a record says that a deployment runs: those of its
// hosts that answer. unreachable tells of the others.
func (d *Deployer) recordedPlatform(ctx context.Context, endpoints []string) (p platform, unreachable error) {
	hosts, unreachable := d.reach(ctx, endpoints)
	return &hostPlatform{Deployer: d, hosts: hosts}, unreachable
}

// endpoints are the hosts that an environment names, or those of teal/hosts that
// its selector picks.
func (d *Deployer) endpoints(ctx context.Context, env servicefile.Environment) ([]string, error) {
	if len(env.Selector) == 0 {
		return env.Hosts, nil
	}
	known, err := d.opt.Store.Hosts(ctx)
	if err != nil {
		return nil, fmt.Errorf("read which hosts there are: %w", err)
	}
	picked := selectHosts(known, env.Selector)
	if len(picked) == 0 {
		return nil, fmt.Errorf("no host has the labels %s of environment %s; see `consul kv get -recurse teal/hosts`, and give registrators their labels with --host-label", describeLabels(env.Selector), env.Name)
	}
	if err := oneEach(picked); err != nil {
		return nil, fmt.Errorf("the hosts of environment %s with the labels %s can't be told apart: %w", env.Name, describeLabels(env.Selector), err)
	}
	return slices.Sorted(maps.Keys(picked)), nil
}

// selectHosts are the hosts that have all the labels: the nodes that recorded each
// endpoint. It is pure.
func selectHosts(known []catalog.HostRecord, selector map[string]string) map[string][]string {
	picked := map[string][]string{}
	for _, h := range known {
		if hasLabels(h.Labels, selector) && h.Endpoint != "" {
			picked[h.Endpoint] = append(picked[h.Endpoint], h.Node)
		}
	}
	return picked
}

// oneEach is that several nodes recorded the same socket, which leads to the engine
// of the machine that deploys. An address that several nodes recorded is one host's
// that has been called otherwise before. It is pure.
func oneEach(picked map[string][]string) error {
	var errs []error
	for _, endpoint := range slices.Sorted(maps.Keys(picked)) {
		if nodes := slices.Sorted(slices.Values(picked[endpoint])); len(nodes) > 1 && isSocket(endpoint) {
			errs = append(errs, fmt.Errorf("nodes %s have all recorded %s; start their registrators with --docker-advertise, as in ssh://%s, and remove the record of a node that is gone, as in `consul kv delete teal/hosts/%s`",
				strings.Join(nodes, ", "), endpoint, nodes[0], nodes[0]))
		}
	}
	return errors.Join(errs...)
}

// isSocket tells whether an endpoint is a socket of the machine that it is used on.
func isSocket(endpoint string) bool { return strings.HasPrefix(endpoint, "unix://") }

func hasLabels(labels, wanted map[string]string) bool {
	for k, v := range wanted {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// reach connects to those of the endpoints that answer, and tells of the others.
func (d *Deployer) reach(ctx context.Context, endpoints []string) (reached []host, unreachable error) {
	answers := make([]error, len(endpoints))
	hosts := make([]host, len(endpoints))
	var wait sync.WaitGroup
	for n, endpoint := range endpoints {
		wait.Go(func() {
			one, err := d.connect([]string{endpoint})
			if err == nil {
				hosts[n] = one[0]
				err = one[0].Ping(ctx)
			}
			answers[n] = err
		})
	}
	wait.Wait()
	for n, endpoint := range endpoints {
		if answers[n] != nil {
			unreachable = errors.Join(unreachable, fmt.Errorf("host %s: %w", endpoint, answers[n]))
			continue
		}
		reached = append(reached, hosts[n])
	}
	return reached, unreachable
}

// used are the hosts as they are now; some may be dropped at any time.
func (p *hostPlatform) used() []host {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.hosts)
}

func (p *hostPlatform) places() (used, missed []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.hosts {
		used = append(used, h.endpoint)
	}
	return used, slices.Clone(p.left)
}

func (p *hostPlatform) instances(w work.Order) int { return len(p.used()) * w.Env.Replicas }

// drop leaves out hosts that do not answer, where the environment can do without
// them. Otherwise the error is answered as it is.
func (p *hostPlatform) drop(w work.Order, gone map[string]error) error {
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
	p.hosts = slices.DeleteFunc(slices.Clone(p.hosts), func(h host) bool {
		_, isGone := gone[h.endpoint]
		if isGone {
			p.left, p.dropped = append(p.left, h.endpoint), append(p.dropped, h)
			w.Note("host %s is left out, as it does not answer: %s", h.Name(), gone[h.endpoint])
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
func (p *hostPlatform) onAll(ctx context.Context, w work.Order, hosts []host, do func(context.Context, host) error) error {
	return p.sparing(ctx, w, hosts, onHosts, do)
}

// onEvery is onAll that lets each host come to its end, and answers all failures.
func (p *hostPlatform) onEvery(ctx context.Context, w work.Order, hosts []host, do func(context.Context, host) error) error {
	return p.sparing(ctx, w, hosts, onEveryHost, do)
}

// sparing does something on hosts by one of the ways to go through them, and
// leaves out those that are gone.
func (p *hostPlatform) sparing(
	ctx context.Context, w work.Order, hosts []host,
	on func(context.Context, []host, func(context.Context, host) error) error, do func(context.Context, host) error,
) error {
	var mu sync.Mutex
	gone := map[string]error{}
	err := on(ctx, hosts, func(ctx context.Context, h host) error {
		err := do(ctx, h)
		if err == nil || ctx.Err() != nil || p.atLeast == 0 || h.Ping(ctx) == nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		gone[h.endpoint] = err
		return nil
	})
	if err != nil {
		return errors.Join(err, describeGone(gone))
	}
	return p.drop(w, gone)
}

func describeLabels(labels map[string]string) string {
	var all []string
	for k, v := range labels {
		all = append(all, k+"="+v)
	}
	slices.Sort(all)
	return fmt.Sprint(all)
}
