package router

import (
	"sync"
	"sync/atomic"
	"time"

	"teal/catalog"
)

// ledger counts what is in flight, by target and instance. Its tallies live on
// across tables: the same instance keeps the same counter, and an instance that
// has gone keeps its own until nothing is in flight on it.
type ledger struct {
	meters *meters

	mu      sync.Mutex
	targets map[poolKey]*targetTally
}

// targetTally is what lives on of a target.
type targetTally struct {
	turn      atomic.Uint64 // round robin
	meters    *targetMeters
	instances map[string]*instanceTally // guarded by ledger.mu
}

// setAsideFor is how long an instance that could not be reached is passed over
// before one request tries it again. A dead host costs each such request the
// whole dialTimeout, until health checks notice.
const setAsideFor = 5 * time.Second

// instanceTally is what lives on of an instance.
type instanceTally struct {
	inFlight  atomic.Int64
	notBefore atomic.Pointer[time.Time] // nil unless it was set aside
}

// setAside passes the instance over for a while.
func (t *instanceTally) setAside() {
	until := time.Now().Add(setAsideFor)
	t.notBefore.Store(&until)
}

// reached ends the setting aside.
func (t *instanceTally) reached() {
	if t.notBefore.Load() != nil {
		t.notBefore.Store(nil)
	}
}

// available tells whether the instance may have its turn. When its time is over
// that is true for one request only, the probe; the others pass it over until
// that one has reached it, or for as long again.
func (t *instanceTally) available() bool {
	until := t.notBefore.Load()
	if until == nil {
		return true
	}
	now := time.Now()
	if now.Before(*until) {
		return false
	}
	next := now.Add(setAsideFor)
	return t.notBefore.CompareAndSwap(until, &next)
}

func newLedger(m *meters) *ledger {
	return &ledger{meters: m, targets: map[poolKey]*targetTally{}}
}

// bind gives every pool and instance of a table its tally. The table must not
// be published yet.
func (l *ledger) bind(t *Table) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, p := range t.pools {
		tally, ok := l.targets[key]
		if !ok {
			tally = &targetTally{meters: l.meters.forTarget(key), instances: map[string]*instanceTally{}}
			l.targets[key] = tally
		}
		p.tally = tally
		for i := range p.backends {
			p.backends[i].tally = tally.instance(p.backends[i].key)
		}
	}
}

func (t *targetTally) instance(key string) *instanceTally {
	tally, ok := t.instances[key]
	if !ok {
		tally = &instanceTally{}
		t.instances[key] = tally
	}
	return tally
}

// prune forgets the tallies that the published table does not use and that have
// nothing in flight. It must follow the publication: only then can no claim on
// an older table become good any more.
func (l *ledger) prune(published *Table) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, tally := range l.targets {
		p, used := published.pools[key]
		for instance, it := range tally.instances {
			if it.inFlight.Load() == 0 && !(used && p.has(instance)) {
				delete(tally.instances, instance)
			}
		}
		if !used && len(tally.instances) == 0 {
			delete(l.targets, key)
			l.meters.forget(key)
		}
	}
}

func (p *pool) has(instance string) bool {
	for i := range p.backends {
		if p.backends[i].key == instance {
			return true
		}
	}
	return false
}

// inFlight is how many requests a target has in flight, in all and by instance
// key, those on instances that have gone included.
func (l *ledger) inFlight(service string, target catalog.Target) (total int64, byInstance map[string]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	byInstance = map[string]int64{}
	tally, ok := l.targets[poolKey{service, target}]
	if !ok {
		return 0, byInstance
	}
	for key, it := range tally.instances {
		n := it.inFlight.Load()
		byInstance[key] = n
		total += n
	}
	return total, byInstance
}

// total is how many requests are in flight in all.
func (l *ledger) total() (total int64) {
	l.each(func(_ poolKey, inFlight int64) { total += inFlight })
	return total
}

// each calls f with the requests in flight of every target.
func (l *ledger) each(f func(key poolKey, inFlight int64)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, tally := range l.targets {
		var total int64
		for _, it := range tally.instances {
			total += it.inFlight.Load()
		}
		f(key, total)
	}
}
