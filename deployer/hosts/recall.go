package hosts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/servicefile"
	"teal/deployer/timing"
	"teal/deployer/work"
)

// errNotKept: no host has what is asked for.
var errNotKept = errors.New("it is not kept")

// keptOn is what one host has of a kept release, in the order it was started.
type keptOn struct {
	host       Connected
	containers []catalog.Container
}

// Recall finds the newest that hosts have kept of a release, and goes on with
// those hosts only that have it whole: others could not run the very same.
func (p *Platform) Recall(ctx context.Context, record catalog.Deployment) (work.Recalled, error) {
	there, unseen := p.lookForKept(ctx, record)
	source, whole := newestWhole(there, record.Release)
	if len(whole) == 0 {
		return work.Recalled{}, errors.Join(notKept(there, record.Release), unseen)
	}
	p.narrow(whole, record)
	r, err := recallFrom(ctx, whole[0], record)
	if err != nil {
		return work.Recalled{}, fmt.Errorf("host %s: %w", whole[0].host.Name(), err)
	}
	r.Source, r.Weights = source, map[string]int{}
	for _, one := range whole {
		r.Weights[one.host.Endpoint] = weightOf(one.containers)
	}
	return r, nil
}

// lookForKept looks at all hosts. One that can't be seen is left out: going back
// with fewer instances is better than not going back.
func (p *Platform) lookForKept(ctx context.Context, record catalog.Deployment) ([]keptOn, error) {
	hosts := p.used()
	found := make([]keptOn, len(hosts))
	errs := make([]error, len(hosts))
	var wait sync.WaitGroup
	for n, h := range hosts {
		wait.Go(func() {
			labels := map[string]string{catalog.LabelService: record.Service, catalog.LabelEnvironment: record.Environment}
			cs, err := h.List(ctx, labels)
			if err != nil {
				errs[n] = fmt.Errorf("host %s can't be seen: %w", h.Name(), err)
			}
			cs = slices.DeleteFunc(cs, func(c catalog.Container) bool { return !plan.IsKept(c) || plan.IsTask(c) })
			slices.SortStableFunc(cs, func(a, b catalog.Container) int { return a.Created.Compare(b.Created) })
			found[n] = keptOn{h, cs}
		})
	}
	wait.Wait()
	return found, errors.Join(errs...)
}

// newestWhole is the newest deployment whose containers of a release are kept,
// and the hosts that have all of them. It is pure.
func newestWhole(there []keptOn, release string) (source string, whole []keptOn) {
	for _, one := range there {
		for _, c := range one.containers {
			if c.Labels[catalog.LabelRelease] == release {
				source = max(source, c.Labels[catalog.LabelDeployment])
			}
		}
	}
	all := 0
	for _, one := range there {
		one.containers = slices.DeleteFunc(slices.Clone(one.containers), func(c catalog.Container) bool {
			return c.Labels[catalog.LabelDeployment] != source || c.Labels[catalog.LabelRelease] != release
		})
		all = max(all, len(one.containers))
		whole = append(whole, one)
	}
	return source, slices.DeleteFunc(whole, func(one keptOn) bool { return all == 0 || len(one.containers) < all })
}

// notKept says what could be gone back to instead. It is pure.
func notKept(there []keptOn, release string) error {
	newest := map[string]string{} // deployment by release
	for _, one := range there {
		for _, c := range one.containers {
			r := c.Labels[catalog.LabelRelease]
			newest[r] = max(newest[r], c.Labels[catalog.LabelDeployment])
		}
	}
	names := slices.SortedFunc(maps.Keys(newest), func(a, b string) int { return cmp.Compare(newest[b], newest[a]) })
	if len(names) == 0 {
		return fmt.Errorf("release %s: %w, nor is any other; deploy it again", release, errNotKept)
	}
	return fmt.Errorf("release %s: %w on any host; those that are kept are %s; deploy it again, or go back to one of them", release, errNotKept, strings.Join(names, ", "))
}

// narrow goes on with some of the hosts, any of which may fail from now on.
func (p *Platform) narrow(to []keptOn, record catalog.Deployment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	has := map[string]bool{}
	for _, one := range to {
		has[one.host.Endpoint] = true
	}
	for _, h := range p.hosts {
		if !has[h.Endpoint] {
			p.via.Tell(Told{Trouble: true, Service: record.Service, Host: h.Name(), Text: fmt.Sprintf("release %s is not kept there, and is not brought up there", record.Release)})
		}
	}
	p.hosts = slices.DeleteFunc(slices.Clone(p.hosts), func(h Connected) bool { return !has[h.Endpoint] })
	p.atLeast = 1
}

// recallFrom reads from one host what all of them shall run.
func recallFrom(ctx context.Context, from keptOn, record catalog.Deployment) (work.Recalled, error) {
	base := plan.BaseName(record.Service, record.Target)
	r := work.Recalled{
		Spec: &servicefile.Spec{Service: record.Service},
		Plan: plan.Plan{Network: base, NetworkLabels: plan.TargetLabels(record.Service, record.Target)},
	}
	for _, c := range from.containers {
		spec, err := timing.Within(ctx, actLimit, func(ctx context.Context) (catalog.ContainerSpec, error) {
			return from.host.Describe(ctx, c.ID)
		})
		if err != nil {
			return r, fmt.Errorf("describe %s: %w", c.Name, err)
		}
		spec.Name = plan.PlannedName(c)
		add(&r, plan.Moved(spec, record.Service, plan.TargetOf(c), record.Target, record.ID), plan.MannerOf(c.Labels))
	}
	if r.Spec.Routed == "" {
		return r, fmt.Errorf("none of what is kept of release %s takes requests; deploy it again", record.Release)
	}
	return r, nil
}

// add plans one container of what is recalled.
func add(r *work.Recalled, spec catalog.ContainerSpec, how plan.Manner) {
	c := plan.Container{
		ContainerSpec: spec, Part: spec.Labels[catalog.LabelPart], Once: spec.Labels[catalog.LabelOnce] == "true",
		Routed: spec.Labels[catalog.ServiceIgnore] == "", After: how.After,
	}
	r.Plan.Containers = append(r.Plan.Containers, c)
	r.Spec.Timeout, r.Spec.Settle, r.Spec.Drain = max(r.Spec.Timeout, how.Timeout), how.Settle, how.Drain
	if c.Routed {
		r.Replicas++
		r.Spec.Routed, r.Revision = c.Part, spec.Labels[catalog.ServiceRevision]
		r.Spec.Check.HTTP = cmp.Or(spec.Labels[catalog.ServiceCheckHTTP], spec.Labels[catalog.ServiceCheckHTTPS])
	}
	if !slices.ContainsFunc(r.Spec.Parts, func(p servicefile.Part) bool { return p.Name == c.Part }) {
		r.Spec.Parts = append(r.Spec.Parts, servicefile.Part{Name: c.Part, Image: spec.Image, StopGrace: spec.StopGrace, Once: c.Once})
	}
}

// weightOf is the weight that a host gives the instances of a release; 0 for none
// of its own.
func weightOf(containers []catalog.Container) int {
	for _, c := range containers {
		if weight, err := strconv.Atoi(c.Labels[catalog.ServiceWeight]); err == nil && plan.IsRegistered(c) {
			return weight
		}
	}
	return 0
}
