package router

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"teal/catalog"
)

// DefaultHold is how long a target's last good instances are kept when a reading
// shows none: longer than an agent's restart and its checks' first runs.
const DefaultHold = 60 * time.Second

// Keep answers next, with the instances of prev for every target that gets
// requests and that next, all of a sudden, has nobody for: gone, or critical all
// at once. Such a hold lasts until an instance is routable again, or for hold.
//
// prev is what Keep answered last. Neither snapshot is changed. Instances in
// maintenance and those that a deployment replaced are not held: that is
// somebody's wish. Nor are targets that no alias sends requests to, since
// stopping a standby is everyday life.
func Keep(prev, next catalog.Snapshot, now time.Time, hold time.Duration) catalog.Snapshot {
	out := next
	var services map[string]*catalog.Service // a copy, once something is held
	for name, before := range prev.Services {
		if before == nil {
			continue
		}
		kept := keepService(before, next.Services[name], now, hold)
		if kept == nil {
			continue
		}
		if services == nil {
			services = maps.Clone(next.Services)
			if services == nil {
				services = map[string]*catalog.Service{}
			}
			out.Services = services
		}
		services[name] = kept
	}
	return out
}

// keepService answers the service with what must be held, or nil when it is good
// as it is.
func keepService(before, after *catalog.Service, now time.Time, hold time.Duration) *catalog.Service {
	if after == nil {
		vanished := *before
		vanished.Instances = nil
		vanished.Held = nil
		after = &vanished
	}
	var held map[catalog.Target]catalog.Hold
	for target, instances := range lastGood(before) {
		h, ok := holdTarget(before, after, target, instances, now, hold)
		if !ok {
			continue
		}
		if held == nil {
			held = maps.Clone(after.Held)
			if held == nil {
				held = map[catalog.Target]catalog.Hold{}
			}
		}
		held[target] = h
	}
	if held == nil {
		return nil
	}
	kept := *after
	kept.Held = held
	return &kept
}

// lastGood is the instances that got requests, by target.
func lastGood(s *catalog.Service) map[catalog.Target][]catalog.Instance {
	good := map[catalog.Target][]catalog.Instance{}
	for _, i := range s.Instances {
		if i.Routable() && s.Expects(i) {
			good[i.Target] = append(good[i.Target], i)
		}
	}
	for t, h := range s.Held {
		good[t] = h.Instances
	}
	return good
}

func holdTarget(before, after *catalog.Service, t catalog.Target, good []catalog.Instance, now time.Time, hold time.Duration) (catalog.Hold, bool) {
	if _, ok := after.Held[t]; ok || !getsRequests(after, t) || answers(after, t) {
		return catalog.Hold{}, false
	}
	since := now
	if h, ok := before.Held[t]; ok {
		since = h.Since
	}
	if now.Sub(since) >= hold {
		return catalog.Hold{}, false
	}
	wanted := stillWanted(after, good)
	if len(wanted) == 0 {
		return catalog.Hold{}, false
	}
	return catalog.Hold{Since: since, Reason: holdReason(after, t, hold), Instances: wanted}, true
}

// getsRequests tells whether an alias sends requests to t. An uncoloured target
// always gets some: its name is an alias.
func getsRequests(s *catalog.Service, t catalog.Target) bool {
	if t.Colour == "" {
		if _, keyed := s.Aliases[t.Environment]; !keyed {
			return true
		}
	}
	for _, a := range s.Aliases {
		if a.Value.Sends(t) {
			return true
		}
	}
	return false
}

// answers tells whether t has an instance that gets requests.
func answers(s *catalog.Service, t catalog.Target) bool {
	return slices.ContainsFunc(s.Instances, func(i catalog.Instance) bool {
		return i.Target == t && i.Routable() && s.Expects(i)
	})
}

// stillWanted leaves out the instances that were replaced, or put into
// maintenance.
func stillWanted(after *catalog.Service, good []catalog.Instance) []catalog.Instance {
	var wanted []catalog.Instance
	for _, g := range good {
		inMaintenance := slices.ContainsFunc(after.Instances, func(i catalog.Instance) bool {
			return i.Node == g.Node && i.ID == g.ID && i.Health == catalog.Maintenance
		})
		if !inMaintenance && after.Expects(g) {
			wanted = append(wanted, g)
		}
	}
	return wanted
}

func holdReason(after *catalog.Service, t catalog.Target, hold time.Duration) string {
	here := slices.ContainsFunc(after.Instances, func(i catalog.Instance) bool { return i.Target == t })
	if here {
		return fmt.Sprintf("No instance of %s is passing its checks any more; the last good ones are kept for up to %s.", t, hold)
	}
	return fmt.Sprintf("All instances of %s left the catalogue; the last good ones are kept for up to %s.", t, hold)
}

// holdEnds is when the first hold of a snapshot runs out, and zero when none is
// held.
func holdEnds(s catalog.Snapshot, hold time.Duration) time.Time {
	var first time.Time
	for _, service := range s.Services {
		if service == nil {
			continue
		}
		for _, h := range service.Held {
			if end := h.Since.Add(hold); first.IsZero() || end.Before(first) {
				first = end
			}
		}
	}
	return first
}
