package fleet

import (
	"cmp"
	"slices"
	"time"
)

// TrafficReport is what came of a target's requests, router by router, so that
// two reports can be subtracted. Its methods are pure.
type TrafficReport struct {
	At      time.Time       // when the routers were asked, by the asker's clock
	Routers []RouterTraffic // those that told, ordered by id
	Silent  []SilentRouter  // those that are not counted, likewise
}

// RouterTraffic is what one router counted.
type RouterTraffic struct {
	ID      string
	Admin   string // the URL of its admin API
	Traffic Traffic
}

// SilentRouter is a router whose requests are missing in a report.
type SilentRouter struct {
	ID  string
	Why string // half a sentence
}

// Total is what all routers that told counted together.
func (r TrafficReport) Total() Traffic {
	var total Traffic
	for _, one := range r.Routers {
		total = total.Add(one.Traffic)
	}
	return total
}

// Sub is what all routers that told both times counted since an earlier report on
// the same target, together.
func (r TrafficReport) Sub(before TrafficReport) Traffic { return r.After(before).Total() }

// After is what each router counted since an earlier report on the same target. A
// router that the earlier report lacks counts only where its counting began after
// it: of any other nobody knows which of its requests are older, and it is among
// the silent. Clocks that differ by more than the time between the reports may
// leave out a new router for that reason, but never count old requests as new by
// more than they differ.
func (r TrafficReport) After(before TrafficReport) TrafficReport {
	earlier := map[string]Traffic{}
	for _, one := range before.Routers {
		earlier[one.key()] = one.Traffic
	}
	window := TrafficReport{At: r.At, Silent: slices.Clone(r.Silent)}
	for _, one := range r.Routers {
		then, ok := earlier[one.key()]
		if !ok && !one.Traffic.Since.After(before.At) {
			window.Silent = append(window.Silent, SilentRouter{one.ID, "it did not tell at the beginning, so that which of its requests came since is not known"})
			continue
		}
		one.Traffic = one.Traffic.Sub(then)
		window.Routers = append(window.Routers, one)
	}
	slices.SortStableFunc(window.Silent, bySilentID)
	return window
}

// SilentIDs names the routers whose requests are missing.
func (r TrafficReport) SilentIDs() []string {
	names := make([]string, len(r.Silent))
	for n, one := range r.Silent {
		names[n] = one.ID
	}
	return names
}

func (r RouterTraffic) key() string { return r.ID + " " + r.Admin }

func bySilentID(a, b SilentRouter) int { return cmp.Compare(a.ID, b.ID) }
