package router

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// instancesOf is a service whose blue target has n instances, as change wants it.
func instancesOf(n int, change func(*catalog.Service)) catalog.Snapshot {
	s := &catalog.Service{Name: "web", Aliases: map[string]catalog.Alias{
		"production": {Name: "production", Value: catalog.PointTo(bluePro)},
	}}
	for i := range n {
		s.Instances = append(s.Instances, instanceOf(bluePro, string(rune('a'+i)), 1000+i))
	}
	if change != nil {
		change(s)
	}
	return with(catalog.Snapshot{}, "web", s)
}

const (
	addressA = "10.0.0.1:1000"
	addressB = "10.0.0.1:1001"
	addressC = "10.0.0.1:1002"
)

func TestTheLesserLoadedOfTwoIsChosen(t *testing.T) {
	p := newPublisher(t)
	p.publish(instancesOf(2, nil))
	var busy [10]Claim
	for i := range busy { // ten requests that stay spread evenly over two
		require.Nil(t, p.dispatch.begin(t.Context(), &busy[i], askWeb))
	}
	_, by := p.ledger.inFlight("web", bluePro)
	require.Equal(t, map[string]int64{"n1/a": 5, "n1/b": 5}, by)
	for i := range busy {
		if busy[i].Address == addressA {
			busy[i].Release(Class2xx)
		}
	}
	require.Equal(t, map[string]int{addressA: 50}, p.claims(t, 50), "b is busy, so a gets them")
}

func TestWeights(t *testing.T) {
	p := newPublisher(t)
	heavy := func(balance catalog.Balance) func(*catalog.Service) {
		return func(s *catalog.Service) {
			s.Config.Balance = balance
			s.Instances[0].Weight = 8
			s.Instances[2].ZeroWeight = true
		}
	}
	p.publish(instancesOf(3, heavy("")))
	got := p.claims(t, 3000)
	require.NotContains(t, got, addressC, "a zero weight gets nothing")
	require.Greater(t, got[addressA], 2*got[addressB], "%v", got)
	require.NotZero(t, got[addressB])
	var busy [18]Claim
	for i := range busy {
		require.Nil(t, p.dispatch.begin(t.Context(), &busy[i], askWeb))
	}
	_, by := p.ledger.inFlight("web", bluePro)
	require.InDelta(t, 16, by["n1/a"], 1, "%v", by)
	for i := range busy {
		busy[i].Release(Class2xx)
	}
}

func TestRoundRobinByWeight(t *testing.T) {
	p := newPublisher(t)
	p.publish(instancesOf(3, func(s *catalog.Service) {
		s.Config.Balance = catalog.RoundRobin
		s.Instances[0].Weight = 8
	}))
	var inARow, most int
	got := map[string]int{}
	for range 1000 {
		var c Claim
		require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
		got[c.Address]++
		if inARow++; c.Address != addressA {
			inARow = 0
		}
		most = max(most, inARow)
		c.Release(Class2xx)
	}
	require.InDelta(t, 800, got[addressA], 5, "%v", got)
	require.InDelta(t, 100, got[addressB], 5, "%v", got)
	require.LessOrEqual(t, most, 8, "the heavy one's turns are spread")
}

func TestWarningInstances(t *testing.T) {
	p := newPublisher(t)
	warn := func(policy catalog.WarningPolicy, warning ...int) catalog.Snapshot {
		return instancesOf(2, func(s *catalog.Service) {
			s.Config.Warning = policy
			for _, i := range warning {
				s.Instances[i].Health = catalog.Warning
			}
		})
	}
	p.publish(warn("", 1))
	require.Equal(t, map[string]int{addressA: 50}, p.claims(t, 50), "who passes is preferred")
	p.publish(warn("", 0, 1))
	require.Len(t, p.claims(t, 50), 2, "then those that warn")
	p.publish(warn(catalog.WarningEqual, 1))
	require.Len(t, p.claims(t, 50), 2)
	p.publish(warn(catalog.WarningNever, 0, 1))
	var c Claim
	require.Equal(t, CodeNoInstance, p.dispatch.begin(t.Context(), &c, askWeb).Code)
}

func TestSlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(t)
		slow := func(s *catalog.Service) { s.Config.SlowStartMS = 10_000 }
		p.publish(instancesOf(2, slow))
		require.InDelta(t, 500, p.claims(t, 1000)[addressA], 150, "at the start all are new and share alike")
		time.Sleep(time.Minute)
		p.publish(instancesOf(3, slow))
		begin := p.claims(t, 3000)[addressC]
		require.Greater(t, begin, 10)
		require.Less(t, begin, 400, "the new one gets little at first")
		time.Sleep(6 * time.Second)
		middle := p.claims(t, 3000)[addressC]
		require.Greater(t, middle, begin)
		time.Sleep(6 * time.Second)
		require.InDelta(t, 1000, p.claims(t, 3000)[addressC], 200, "and its share in the end")
	})
}

func TestATargetThatWarmedUpOfflineStartsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(t)
		s := changed(snapshotOf(bluePro), func(s *catalog.Service) { s.Config.SlowStartMS = 10_000 })
		p.publish(s)
		time.Sleep(time.Second)
		p.publish(changed(s, func(s *catalog.Service) { s.Aliases["production"] = catalog.Alias{Value: catalog.PointTo(greenPro)} }))
		got := p.claims(t, 300)
		require.Len(t, got, 3)
		for _, n := range got {
			require.Greater(t, n, 50)
		}
	})
}

func BenchmarkPick(b *testing.B) {
	for _, balance := range []catalog.Balance{catalog.LeastInFlight, catalog.RoundRobin} {
		b.Run(string(balance), func(b *testing.B) {
			p := newPublisher(b)
			p.publish(instancesOf(10, func(s *catalog.Service) { s.Config.Balance = balance }))
			pool := p.table.part("web").pool(bluePro)
			b.ReportAllocs()
			for b.Loop() {
				pool.next(nil)
			}
		})
	}
}
