//go:build integration

package integration

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
	"teal/consul/consultest"
)

const (
	scaleServices  = 1000
	scaleInstances = 10
	scaleRate      = 10 // changes a second
	scaleTime      = 20 * time.Second
	scaleConns     = 32
)

// arrivals tells how long changes take until a watch hands them on.
type arrivals struct {
	mu      sync.Mutex
	waiting map[*expected]bool
	took    map[string][]time.Duration // by kind of change
}

// expected is a change that must come.
type expected struct {
	kind, service string
	sent          time.Time
	there         func(*catalog.Service) bool
}

// expect begins to wait for a change that is about to be made.
func (a *arrivals) expect(kind, service string, there func(*catalog.Service) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting[&expected{kind, service, time.Now(), there}] = true
}

// apply is what the watch hands snapshots to.
func (a *arrivals) apply(s catalog.Snapshot) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for e := range a.waiting {
		if svc := s.Services.At(e.service); svc != nil && e.there(svc) {
			delete(a.waiting, e)
			a.took[e.kind] = append(a.took[e.kind], now.Sub(e.sent))
		}
	}
}

// missing are the changes that have not come.
func (a *arrivals) missing() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []string
	for e := range a.waiting {
		list = append(list, e.kind+" of "+e.service)
	}
	return list
}

// healthOf tells whether a service has an instance in a state; the empty one is
// none at all.
func healthOf(id string, health catalog.Health) func(*catalog.Service) bool {
	return func(s *catalog.Service) bool {
		for _, i := range s.Instances {
			if i.ID == id {
				return i.Health == health
			}
		}
		return health == ""
	}
}

// TestWatchAtScale changes a catalogue of 10,000 instances as quickly as a busy
// day does, and holds the watch to its connections and to missing nothing.
func TestWatchAtScale(t *testing.T) {
	agent := consultest.Start(t, consultest.DataDir(t.TempDir())) // one in development mode indents what it answers
	p := populate(t, agent.Addr, scaleServices, scaleInstances, nil)
	store, err := consul.New(consul.Options{Address: agent.Addr})
	require.NoError(t, err)
	a := &arrivals{waiting: map[*expected]bool{}, took: map[string][]time.Duration{}}
	first := make(chan struct{})
	begin := sync.OnceFunc(func() { close(first) })
	ctx, cancel := context.WithCancel(t.Context())
	watched, counted := make(chan error, 1), make(chan int, 1)
	began := time.Now()
	go func() { counted <- p.mostConnections(ctx) }()
	go func() {
		watched <- store.Watch(ctx, func(s catalog.Snapshot) {
			if s.Services.Len() >= scaleServices {
				begin()
			}
			a.apply(s)
		})
	}()
	<-first
	t.Logf("the first snapshot took %s", time.Since(began).Round(time.Millisecond))

	before, from := cpuTime(t), time.Now()
	changeMuch(p, a)
	share := (cpuTime(t) - before).Seconds() / time.Since(from).Seconds()
	assert.Eventually(t, func() bool { return len(a.missing()) == 0 }, patience, 10*time.Millisecond)
	require.Empty(t, a.missing(), "changes were missed")
	cancel()
	require.NoError(t, <-watched)
	conns := <-counted
	t.Logf("%d connections at most, %.3f of a core", conns, share)
	t.Logf("%+v", store.WatchStats())
	require.LessOrEqual(t, conns, scaleConns)
	for kind, took := range a.took {
		slices.Sort(took)
		t.Logf("%-14s %4d times, median %s, p95 %s, most %s", kind, len(took), took[len(took)/2], took[len(took)*95/100], took[len(took)-1])
		assert.Less(t, took[len(took)/2], 10*time.Second, kind)
	}
}

// changeMuch makes changes at an even rate: of ten, six of health, three flips
// and one of membership.
func changeMuch(p *population, a *arrivals) {
	tick := time.NewTicker(time.Second / scaleRate)
	defer tick.Stop()
	for n := range int(scaleTime.Seconds()) * scaleRate {
		<-tick.C
		s, round := n*37%p.services, n/10
		switch n % 10 {
		case 0:
			changeMembers(p, a, s, round)
		case 3, 6, 9:
			a.expect("flip", p.service(s), func(svc *catalog.Service) bool {
				return svc.Aliases[production].Value.Sends(catalog.Target{Colour: catalog.Green, Environment: production})
			})
			p.flip(s, catalog.Green)
		default:
			i := n % p.instances
			a.expect("health", p.service(s), healthOf(p.id(s, i), catalog.Critical))
			p.health(s, i, api.HealthCritical)
		}
	}
}

// changeMembers registers or deregisters an instance, in turns in a way that each
// part of the watch must notice.
func changeMembers(p *population, a *arrivals, s, round int) {
	fresh, host := p.instances+round, fmt.Sprintf("10.9.0.%d", round)
	switch round % 4 {
	case 0, 2:
		a.expect("registered", p.service(s), healthOf(p.id(s, fresh), catalog.Passing))
		p.add(s, fresh, host, 80)
	case 1:
		a.expect("deregistered", p.service(s), healthOf(p.id(s, 1), ""))
		p.remove(s, 1)
	default:
		a.expect("unchecked", p.service(s), healthOf(p.id(s, fresh), catalog.Passing))
		p.addUnchecked(s, fresh, host, 80)
	}
}

// cpuTime is what this process has used so far, its own requests included.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var use syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
