package router

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
)

var (
	bluePro  = catalog.Target{Colour: catalog.Blue, Environment: "production"}
	greenPro = catalog.Target{Colour: catalog.Green, Environment: "production"}
	integ    = catalog.Target{Environment: "integration"}
)

// publisher swaps tables as a router does.
type publisher struct {
	dispatch *dispatch
	ledger   *ledger
	table    *Table
}

func newPublisher(t testing.TB) *publisher {
	t.Helper()
	m, err := newMeters(prometheus.NewRegistry())
	require.NoError(t, err)
	empty, _ := Build(catalog.Snapshot{}, BuildOptions{Domain: "proxy.example"})
	return &publisher{dispatch: &dispatch{preview: DefaultPreview(), ending: newEnding()}, ledger: newLedger(m, time.Now), table: empty}
}

func (p *publisher) publish(s catalog.Snapshot) {
	table, changed := p.table.Update(s)
	p.ledger.bind(table, changed)
	p.dispatch.table.Store(table)
	p.ledger.published(table, changed)
	p.table = table
}

func instanceOf(target catalog.Target, id string, port int) catalog.Instance {
	return catalog.Instance{ID: id, Service: "web", Node: "n1", Address: "10.0.0.1", Port: port, Target: target, Health: catalog.Passing}
}

// snapshotOf has one service, web, with three instances of each colour.
func snapshotOf(live catalog.Target) catalog.Snapshot {
	s := &catalog.Service{Name: "web", Aliases: map[string]catalog.Alias{
		"production": {Name: "production", Value: catalog.PointTo(live)},
	}}
	for n := range 3 {
		s.Instances = append(s.Instances,
			instanceOf(bluePro, fmt.Sprintf("blue-%d", n), 1000+n),
			instanceOf(greenPro, fmt.Sprintf("green-%d", n), 2000+n))
	}
	return catalog.Snapshot{Services: cow.Of(map[string]*catalog.Service{"web": s})}
}

// with is a snapshot in which a service has a name.
func with(s catalog.Snapshot, name string, service *catalog.Service) catalog.Snapshot {
	e := s.Services.Edit()
	e.Set(name, service)
	s.Services = e.Done()
	return s
}

var askWeb = Ask{Host: "web.proxy.example", Path: "/", Peer: netip.MustParseAddr("127.0.0.1")}

// TestZeroInFlightIsForEver flips for a while under many requests. After each
// swap it waits until nothing is in flight on the old target; from then on, until
// the next swap, nobody may hold a claim on it.
func TestZeroInFlightIsForEver(t *testing.T) {
	p := newPublisher(t)
	live, old := bluePro, greenPro
	p.publish(snapshotOf(live))
	var drained atomic.Pointer[catalog.Target] // a target nobody may claim now
	var stop atomic.Bool
	var wrong, claims atomic.Int64
	var workers sync.WaitGroup
	// Half of the requests take long to look up, so that many swaps happen between
	// a claim's first look at the table and its count.
	slow := Ask{Host: "any", Path: "/web@production/" + strings.Repeat("%41", 20_000)}
	for n := range 16 {
		ask := askWeb
		if n%2 == 0 {
			ask = slow
		}
		workers.Go(func() {
			for !stop.Load() {
				var c Claim
				if p.dispatch.begin(t.Context(), &c, ask) != nil {
					wrong.Add(1)
					return
				}
				claims.Add(1)
				if d := drained.Load(); d != nil && *d == c.pool.target {
					wrong.Add(1)
				}
				if claims.Load()%8 == 0 && !c.Again(t.Context()) {
					wrong.Add(1)
				}
				c.Release(Class2xx)
				c.Release(Class2xx)
			}
		})
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		drained.Store(nil)
		live, old = old, live
		p.publish(snapshotOf(live))
		for n := int64(1); n > 0; {
			n, _ = p.ledger.inFlight("web", old)
			require.GreaterOrEqual(t, n, int64(0))
		}
		gone := old
		drained.Store(&gone)
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	workers.Wait()
	require.Zero(t, wrong.Load(), "of %d claims", claims.Load())
	for _, target := range []catalog.Target{bluePro, greenPro} {
		n, _ := p.ledger.inFlight("web", target)
		require.Zero(t, n)
	}
}

func TestAClaimCountsUntilItIsReleased(t *testing.T) {
	p := newPublisher(t)
	p.publish(snapshotOf(bluePro))
	var a, b Claim
	require.Nil(t, p.dispatch.begin(t.Context(), &a, askWeb))
	require.Nil(t, p.dispatch.begin(t.Context(), &b, askWeb))
	require.NotEqual(t, a.Address, b.Address)
	p.publish(snapshotOf(greenPro))
	n, by := p.ledger.inFlight("web", bluePro)
	require.Equal(t, int64(2), n)
	require.Len(t, by, 3)

	only := snapshotOf(greenPro)
	only.Services.At("web").Instances = only.Services.At("web").Instances[5:] // the last green
	p.publish(only)
	n, by = p.ledger.inFlight("web", bluePro)
	require.Equal(t, int64(2), n, "instances that have gone keep their requests")
	require.Len(t, by, 2)

	a.Release(Class2xx)
	a.Release(Class2xx)
	b.Release(Class5xx)
	n, _ = p.ledger.inFlight("web", bluePro)
	require.Zero(t, n)
	p.publish(only)
	require.Len(t, p.ledger.services["web"].targets, 1, "what is used no more is forgotten")
}

func TestAgainGoesToAnotherInstance(t *testing.T) {
	p := newPublisher(t)
	p.publish(snapshotOf(bluePro))
	var c Claim
	require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
	first := c.Address
	require.True(t, c.Again(t.Context()))
	require.NotEqual(t, first, c.Address)
	n, _ := p.ledger.inFlight("web", bluePro)
	require.Equal(t, int64(1), n)
	c.Release(Class2xx)

	only := snapshotOf(bluePro)
	only.Services.At("web").Instances = only.Services.At("web").Instances[:1]
	p.publish(only)
	require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
	require.False(t, c.Again(t.Context()))
	n, _ = p.ledger.inFlight("web", bluePro)
	require.Equal(t, int64(1), n, "it still has the request to answer for")
	require.Equal(t, "blue-production", c.Target(), "the answer can still say whose instance it was")
	c.Release(Class5xx)
}

func BenchmarkClaim(b *testing.B) {
	p := newPublisher(b)
	p.publish(snapshotOf(bluePro))
	var c Claim
	b.ReportAllocs()
	for b.Loop() {
		if p.dispatch.begin(b.Context(), &c, askWeb) != nil {
			b.Fatal("no claim")
		}
		c.Release(Class2xx)
	}
}
