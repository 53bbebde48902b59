// Package hosts is the platform of Docker engines: a number of hosts, all of which run
// the same containers. It starts a release beside another, a batch of hosts at a time,
// puts aside what it replaces, brings that back or keeps it, and leaves out hosts that
// do not answer where that is allowed. It knows neither aliases nor routers.
package hosts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// Set are the hosts that deployments go to, and what working on them needs of
// others. It is a value that holds nothing of its own, and is safe for concurrent
// use where what is in it is.
type Set struct {
	Connections *Connections
	// Known are the hosts that registrators have told of.
	Known func(ctx context.Context) ([]catalog.HostRecord, error)
	// Tell tells what is done where no order says whom to tell. It may be called from
	// any goroutine.
	Tell func(Told)
	Now  func() time.Time
	Poll time.Duration // between two looks at what is waited for
}

// Told is something that was done on a host, or that did not go as it should.
type Told struct {
	Trouble   bool                    // it did not, and does not stop what is under way
	State     catalog.DeploymentState // of the deployment; empty where there is none
	Service   string                  // empty where that is not known
	Host      string                  // its name
	Container string
	Text      string // a sentence without a full stop
}

// Platform is where the containers of an environment run whose hosts are known.
// Of those that were left out the platform only tells.
func (h Set) Platform(env servicefile.Environment, left ...string) (*Platform, error) {
	hosts, err := h.Connections.To(env.Hosts)
	if err != nil {
		return nil, err
	}
	return &Platform{via: h, hosts: hosts, left: left, atLeast: env.AtLeast}, nil
}

// Recorded is where a record says that a deployment runs: those of its
// hosts that answer; unreachable tells of the others.
func (h Set) Recorded(ctx context.Context, endpoints []string) (p *Platform, unreachable error) {
	hosts, unreachable := h.Reach(ctx, endpoints)
	return &Platform{via: h, hosts: hosts}, unreachable
}

// Endpoints are the hosts that an environment names, or those of teal/hosts that
// its selector picks: with the same labels, different ones at different times. Its
// error says what to do where none is picked, or where they can't be told apart.
func (h Set) Endpoints(ctx context.Context, env servicefile.Environment) ([]string, error) {
	if len(env.Selector) == 0 {
		return env.Hosts, nil
	}
	known, err := h.Known(ctx)
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

// Reach connects to those of the endpoints that answer, all at once, and tells of the
// others in an error that names each.
func (h Set) Reach(ctx context.Context, endpoints []string) (reached []Connected, unreachable error) {
	answers := make([]error, len(endpoints))
	hosts := make([]Connected, len(endpoints))
	var wait sync.WaitGroup
	for n, endpoint := range endpoints {
		wait.Go(func() {
			one, err := h.Connections.To([]string{endpoint})
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

func hasLabels(labels, wanted map[string]string) bool {
	for k, v := range wanted {
		if labels[k] != v {
			return false
		}
	}
	return true
}

func describeLabels(labels map[string]string) string {
	var all []string
	for k, v := range labels {
		all = append(all, k+"="+v)
	}
	slices.Sort(all)
	return fmt.Sprint(all)
}
