package router

import (
	"context"
	"slices"
	"time"

	"teal/catalog"
)

// apply makes a snapshot the current one. When it returns, every new request is
// answered by it.
func (r *Router) apply(next catalog.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read = next
	r.swap()
}

// swap builds and publishes the table of what was read last. r.mu is held.
func (r *Router) swap() {
	before, old := r.kept, r.dispatch.table.Load()
	r.kept = Keep(before, r.read, r.opt.Now(), r.opt.Hold)
	base := old
	if base == nil {
		base, _ = Build(catalog.Snapshot{}, BuildOptions{Domain: r.opt.Domain, Timeout: r.opt.Timeout, TCPPorts: r.opt.TCPPorts})
	}
	table, changed := base.Update(r.kept)
	r.ledger.bind(table, changed)
	r.dispatch.table.Store(table)
	r.ledger.published(table, changed)
	r.tcp.changed()
	if r.opt.Save != nil {
		r.opt.Save(r.kept)
	}
	r.announce.applied(table.snapshot.AliasIndex)
	r.logChanges(before, r.kept, changed)
	if old == nil {
		r.log.Info("first snapshot applied", "services", r.kept.Services.Len(), "problems", len(table.Problems()))
	}
	r.logProblems(base, table, changed)
	select {
	case r.recheck <- struct{}{}:
	default:
	}
}

// endHolds applies what was read last again when a hold runs out.
func (r *Router) endHolds(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.recheck:
		case <-timer.C:
		}
		timer.Stop()
		if wait, held := r.untilHoldEnds(); held {
			timer.Reset(wait)
		}
	}
}

// untilHoldEnds ends the holds that are over, and tells how long the next one
// has.
func (r *Router) untilHoldEnds() (time.Duration, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ends := holdEnds(r.read, r.kept, r.opt.Hold)
	if !ends.IsZero() && !r.opt.Now().Before(ends) {
		r.swap()
		ends = holdEnds(r.read, r.kept, r.opt.Hold)
	}
	if ends.IsZero() {
		return 0, false
	}
	return max(minHoldCheck, ends.Sub(r.opt.Now())), true
}

// minHoldCheck keeps a hold that would not end from spinning.
const minHoldCheck = 10 * time.Millisecond

// logChanges says what people want to find in a log: flips, holds, staleness.
func (r *Router) logChanges(before, after catalog.Snapshot, changed []string) {
	for _, name := range changed {
		r.logService(name, before.Services.At(name), after.Services.At(name))
	}
	switch {
	case before.StaleSince.IsZero() && !after.StaleSince.IsZero():
		r.log.Warn("Consul does not answer; the last good view stays", "since", after.StaleSince)
	case !before.StaleSince.IsZero() && after.StaleSince.IsZero():
		r.log.Info("Consul answers again", "silent_since", before.StaleSince)
	}
}

// logProblems tells each problem once, when it appears.
func (r *Router) logProblems(before, after *Table, changed []string) {
	known := map[catalog.Problem]bool{}
	for _, p := range before.recent(changed) {
		known[p] = true
	}
	for _, p := range after.recent(changed) {
		if !known[p] {
			r.log.Warn("problem", "service", p.Service, "subject", p.Subject, "message", p.Message)
		}
	}
}

// recent is the problems that may be new or gone after some services changed.
func (t *Table) recent(changed []string) []catalog.Problem {
	all := append(slices.Clone(t.snapshot.Problems), t.contests()...)
	for _, name := range changed {
		all = append(all, t.part(name).problems...)
	}
	return all
}

func (r *Router) logService(name string, before, after *catalog.Service) {
	if before == nil || after == nil {
		return
	}
	for alias, a := range after.Aliases {
		if b, ok := before.Aliases[alias]; ok && b.Value.String() != a.Value.String() {
			r.log.Info("alias moved", "service", name, "alias", alias, "from", b.Value.String(), "to", a.Value.String(), "index", a.Index)
		}
	}
	for alias, b := range before.Aliases {
		if _, ok := after.Aliases[alias]; !ok {
			r.log.Warn("alias is gone: its key was deleted", "service", name, "alias", alias, "was", b.Value.String())
		}
	}
	for alias, h := range after.Halts {
		if _, ok := before.Halts[alias]; !ok {
			r.log.Info("alias is halted", "service", name, "alias", alias, "kind", h.Kind, "by", h.By)
		}
	}
	for alias, h := range before.Halts {
		if _, ok := after.Halts[alias]; !ok {
			r.log.Info("alias goes on", "service", name, "alias", alias, "after", h.Kind)
		}
	}
	for t, h := range after.Held {
		if _, ok := before.Held[t]; !ok {
			r.log.Warn("target is held", "service", name, "target", t.String(), "reason", h.Reason)
		}
	}
	for t := range before.Held {
		if _, ok := after.Held[t]; !ok {
			r.log.Info("target is no longer held", "service", name, "target", t.String())
		}
	}
}
