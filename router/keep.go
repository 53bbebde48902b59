package router

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"teal/catalog"
	"teal/catalog/cow"
)

// DefaultHold is how long a target's last good instances are kept when a reading
// shows none: longer than an agent's restart and its checks' first runs.
const DefaultHold = 60 * time.Second

// Keep answers next, with the instances of prev for every target that gets
// requests and that next, all of a sudden, has nobody for: gone, or critical all
// at once. Such a hold lasts until an instance is routable again, or for hold.
//
// prev is what Keep answered last. Neither snapshot is changed. Not held are:
//   - targets that no alias sends requests to, as stopping a standby is everyday
//     life;
//   - instances in maintenance or of zero weight, or that a deployment replaced: that is
//     somebody's wish;
//   - instances whose address and port another entry has now: requests would
//     reach a stranger;
//   - instances of an uncoloured target that left the catalogue while their node
//     still reports passing ones of the service: it can be believed, so somebody
//     stopped them. A live colour is never stopped on purpose and is held.
func Keep(prev, next catalog.Snapshot, now time.Time, hold time.Duration) catalog.Snapshot {
	who := &occupants{snapshot: next}
	kept := next.Services.Edit()
	// What is held differs from what was read, so that it is looked at each time.
	for name := range cow.Differences(prev.Services, next.Services) {
		before := prev.Services.At(name)
		if before == nil {
			continue
		}
		if s := keepService(before, next.Services.At(name), who, now, hold); s != nil {
			kept.Set(name, s)
		}
	}
	out := next
	out.Services = kept.Done()
	return out
}

// keepService answers the service with what must be held, or nil when it is good
// as it is.
func keepService(before, after *catalog.Service, who *occupants, now time.Time, hold time.Duration) *catalog.Service {
	if after == nil {
		vanished := *before
		vanished.Instances = nil
		vanished.Held = nil
		after = &vanished
	}
	var held map[catalog.Target]catalog.Hold
	for target, instances := range lastGood(before) {
		if !mayHold(after, target) {
			continue
		}
		h, ok := holdTarget(before, after, target, holdable(after, who, instances), now, hold)
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
		if _, seen := good[i.Target]; !seen {
			good[i.Target] = s.Answering(i.Target)
		}
	}
	for t, h := range s.Held {
		good[t] = h.Instances
	}
	return good
}

// mayHold tells whether t is a target to hold if it has anybody.
func mayHold(after *catalog.Service, t catalog.Target) bool {
	_, already := after.Held[t]
	return !already && getsRequests(after, t) && !answers(after, t)
}

func holdTarget(before, after *catalog.Service, t catalog.Target, good []catalog.Instance, now time.Time, hold time.Duration) (catalog.Hold, bool) {
	since := now
	if h, ok := before.Held[t]; ok {
		since = h.Since
	}
	if len(good) == 0 || now.Sub(since) >= hold {
		return catalog.Hold{}, false
	}
	return catalog.Hold{Since: since, Reason: holdReason(after, t, hold), Instances: good}, true
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
func answers(s *catalog.Service, t catalog.Target) bool { return len(s.Answering(t)) > 0 }

// holdable leaves out the instances that are not to be held.
func holdable(after *catalog.Service, who *occupants, good []catalog.Instance) []catalog.Instance {
	var wanted []catalog.Instance
	for _, g := range good {
		now, here := entryOf(after, g)
		switch {
		case here && (now.Health == catalog.Maintenance || now.ZeroWeight), !after.Expects(g), who.replaced(g):
		case !here && g.Target.Colour == "" && nodeAnswers(after, g.Node):
		default:
			wanted = append(wanted, g)
		}
	}
	return wanted
}

// entryOf is the present entry of an earlier instance.
func entryOf(s *catalog.Service, g catalog.Instance) (catalog.Instance, bool) {
	n := slices.IndexFunc(s.Instances, func(i catalog.Instance) bool { return i.Node == g.Node && i.ID == g.ID })
	if n < 0 {
		return catalog.Instance{}, false
	}
	return s.Instances[n], true
}

// nodeAnswers tells whether a node reports a passing instance of the service.
func nodeAnswers(s *catalog.Service, node string) bool {
	return slices.ContainsFunc(s.Instances, func(i catalog.Instance) bool { return i.Node == node && i.Routable() })
}

// occupants tells who has an address in a snapshot.
type occupants struct {
	snapshot catalog.Snapshot
	at       map[place]*catalog.Instance   // one who is there; made when first asked
	others   map[place][]*catalog.Instance // who is there too, which is rare
}

// place is where an instance listens.
type place struct {
	address string
	port    int
}

// replaced tells whether an entry that is not g's own has g's address and port.
func (o *occupants) replaced(g catalog.Instance) bool {
	if o.at == nil {
		o.look()
	}
	here := place{g.Address, g.Port}
	stranger := func(i *catalog.Instance) bool {
		return i.Service != g.Service || i.Node != g.Node || i.ID != g.ID || i.Target != g.Target
	}
	one := o.at[here]
	return one != nil && (stranger(one) || slices.ContainsFunc(o.others[here], stranger))
}

func (o *occupants) look() {
	o.at = make(map[place]*catalog.Instance, o.snapshot.Services.Len())
	o.others = map[place][]*catalog.Instance{}
	for _, s := range o.snapshot.Services.All() {
		if s == nil {
			continue
		}
		for n := range s.Instances {
			i := &s.Instances[n]
			here := place{i.Address, i.Port}
			if o.at[here] == nil {
				o.at[here] = i
			} else {
				o.others[here] = append(o.others[here], i)
			}
		}
	}
}

func holdReason(after *catalog.Service, t catalog.Target, hold time.Duration) string {
	here := slices.ContainsFunc(after.Instances, func(i catalog.Instance) bool { return i.Target == t })
	if here {
		return fmt.Sprintf("No instance of %s is passing its checks any more; the last good ones are kept for up to %s.", t, hold)
	}
	return fmt.Sprintf("All instances of %s left the catalogue; the last good ones are kept for up to %s.", t, hold)
}

// holdEnds is when the first hold of a snapshot runs out, and zero when none is
// held. read is the snapshot before Keep held anything.
func holdEnds(read, kept catalog.Snapshot, hold time.Duration) time.Time {
	var first time.Time
	for name := range cow.Differences(read.Services, kept.Services) {
		service := kept.Services.At(name)
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
