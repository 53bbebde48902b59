package router

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"teal/catalog"
	"teal/router/limit"
)

// instanceView is an instance as the admin API and the catalogue page show it.
type instanceView struct {
	catalog.Instance
	InFlight int64      `json:"in_flight"`
	Routed   bool       `json:"routed"`
	Why      string     `json:"why,omitempty"`     // it gets no requests: half a sentence
	Held     bool       `json:"held,omitempty"`    // known from an earlier view
	Gone     bool       `json:"gone,omitempty"`    // only its requests are left
	Aside    *asideView `json:"aside,omitempty"`   // it is passed over while there is another
	Warming  float64    `json:"warming,omitempty"` // the part of its share that it takes in its slow start
}

// asideView is since when, until when and why an instance is set aside.
type asideView struct {
	Since    time.Time     `json:"since"`
	Until    time.Time     `json:"until"`             // then one request is let through as a probe
	Probing  bool          `json:"probing,omitempty"` // the outcome of one is waited for
	Failures int           `json:"failures"`          // in a row
	Reason   limit.Failure `json:"reason"`
	Alone    bool          `json:"alone,omitempty"` // all others are set aside too, so it gets requests
}

// instances shows the instances of a target: those of the catalogue, those held,
// and those that have gone but still have requests.
func (v viewer) instances(service string, s *catalog.Service, t catalog.Target, counts map[string]int64) []instanceView {
	p := v.table.part(service).pool(t)
	views, seen := []instanceView{}, map[string]bool{}
	add := func(i catalog.Instance, held bool) {
		key := instanceKey(&i)
		if i.Target != t || seen[key] {
			return
		}
		seen[key] = true
		view := v.instance(s, p, i)
		view.InFlight, view.Held = counts[key], held
		views = append(views, view)
	}
	for _, i := range s.Instances {
		add(i, false)
	}
	for _, i := range s.Held[t].Instances {
		add(i, true)
	}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		if !seen[key] && counts[key] > 0 {
			views = append(views, goneInstance(service, t, key, counts[key]))
		}
	}
	markAlone(views)
	return views
}

// markAlone marks the instances that are set aside as all of their target are.
func markAlone(instances []instanceView) {
	for i := range instances {
		if instances[i].Routed && instances[i].Aside == nil {
			return
		}
	}
	for i := range instances {
		if instances[i].Aside != nil {
			instances[i].Aside.Alone = true
		}
	}
}

// instance shows one of a pool, nil for none. It takes no turn of it, and is no
// probe.
func (v viewer) instance(s *catalog.Service, p *pool, i catalog.Instance) instanceView {
	view := instanceView{Instance: v.shown(i)}
	b := p.backend(instanceKey(&i))
	if b == nil {
		view.Why = unrouted(s, &i)
		return view
	}
	view.Routed = true
	if b.tally == nil {
		return view
	}
	if c := b.tally.aside.State(v.now); c.Aside {
		view.Aside = &asideView{Since: c.Since, Until: c.Until, Probing: c.Probing, Failures: c.Failures, Reason: c.Reason}
	}
	if w := p.warmth(b, v.now); w < 1 {
		view.Warming = w
	}
	return view
}

// backend is the instance of a key, nil where it gets no requests.
func (p *pool) backend(key string) *backend {
	if p == nil {
		return nil
	}
	for n := range p.backends {
		if p.backends[n].key == key {
			return &p.backends[n]
		}
	}
	return nil
}

// warmth is the part of its share that one of the pool's instances takes.
func (p *pool) warmth(b *backend, now time.Time) float64 {
	if p.policy.balance == catalog.RoundRobin || len(p.backends) < 2 || !p.warming(now) {
		return 1 // slow starts need a second draw
	}
	return b.warmth(now, p.policy.slowStart)
}

// unrouted says why an instance gets no requests.
func unrouted(s *catalog.Service, i *catalog.Instance) string {
	switch {
	case i.Health == catalog.Maintenance:
		return "it is in maintenance"
	case i.ZeroWeight:
		return "its weight is 0"
	case !s.Expects(*i):
		return fmt.Sprintf("it runs release %q, and %s holds %q", i.Release, i.Target, s.Releases[i.Target].ID)
	case i.Health == catalog.Warning && s.Config.Warning == catalog.WarningNever:
		return "its checks warn, and the service wants no such instances"
	case i.Health == catalog.Warning && len(s.Passing(i.Target)) > 0:
		return "its checks warn, and others pass"
	case i.Health != catalog.Passing && i.Health != catalog.Warning:
		return sickness(i)
	}
	if _, held := s.Held[i.Target]; held {
		return "its target is held, and the last good instances get the requests"
	}
	return "nothing of this name can be routed; see the problems of the service"
}

// sickness names the check that makes an instance critical.
func sickness(i *catalog.Instance) string {
	for _, c := range i.Checks {
		if c.Status == i.Health {
			return fmt.Sprintf("its check %s is %s", c.Name, c.Status)
		}
	}
	return fmt.Sprintf("its health is %s", i.Health)
}

// shown is what the asker may see of an instance: what checks say and the user's
// own meta can hold addresses, names and worse.
func (v viewer) shown(i catalog.Instance) catalog.Instance {
	if !v.public {
		return i
	}
	i.Meta = nil
	i.Checks = slices.Clone(i.Checks)
	for n := range i.Checks {
		i.Checks[n].Output = ""
	}
	return i
}

func goneInstance(service string, t catalog.Target, key string, inFlight int64) instanceView {
	node, id := splitInstanceKey(key)
	return instanceView{
		Instance: catalog.Instance{Service: service, Target: t, Node: node, ID: id},
		InFlight: inFlight, Gone: true, Why: "it has left the catalogue; only its last requests are still under way",
	}
}
