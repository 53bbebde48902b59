package router

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
)

// The size that the figures in docs/ROUTER.md are for.
const (
	manyServices  = 10_000
	manyInstances = 10
)

// manyOf is a snapshot of services with instances in both colours, an alias, a
// host, a host with a path and a path of any host each: ten routes a service.
func manyOf(services, instances int) catalog.Snapshot {
	edit := cow.Map[*catalog.Service]{}.Edit()
	for n := range services {
		edit.Set(fmt.Sprintf("service-%d", n), oneOfMany(n, instances))
	}
	return catalog.Snapshot{Services: edit.Done()}
}

func oneOfMany(n, instances int) *catalog.Service {
	name := fmt.Sprintf("service-%d", n)
	s := &catalog.Service{
		Name:    name,
		Aliases: map[string]catalog.Alias{"production": {Name: "production", Value: catalog.PointTo(bluePro), Index: 7}},
		Releases: map[catalog.Target]catalog.Release{
			bluePro: {ID: "r1", State: catalog.Ready}, greenPro: {ID: "r1", State: catalog.Standby},
		},
		Config: catalog.ServiceConfig{Since: uint64(n + 1), Routes: []catalog.Route{
			{Host: name + ".example.com"}, {Host: name + ".example.com", Path: "/cart"}, {Path: "/" + name},
		}},
	}
	for i := range instances {
		target := bluePro
		if i%2 == 1 {
			target = greenPro
		}
		s.Instances = append(s.Instances, catalog.Instance{
			ID: fmt.Sprintf("%s-%d", name, i), Service: name, Node: fmt.Sprintf("node-%d", i), Release: "r1",
			Address: fmt.Sprintf("10.%d.%d.%d", i, n/250, n%250), Port: 8080, Target: target, Health: catalog.Passing,
			Checks: []catalog.CheckStatus{{ID: name, Name: "alive", Status: catalog.Passing}},
		})
	}
	return s
}

// BenchmarkLookup100k looks up the routes of 10,000 services in a random order.
func BenchmarkLookup100k(b *testing.B) {
	table, problems := Build(manyOf(manyServices, manyInstances), BuildOptions{Domain: "proxy.example"})
	require.Empty(b, problems)
	all := table.Listing()
	require.Len(b, all, 100_000)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, kind := range []struct {
		name string
		has  func(Listing) bool
	}{
		{"all", func(Listing) bool { return true }},
		{"stable", func(l Listing) bool { return l.Host != "" && !l.Route.declared }},
		{"by-path", func(l Listing) bool { return l.Host == "" && !l.Route.declared }},
		{"declared", func(l Listing) bool { return l.Host != "" && l.Route.declared }},
		{"any-host", func(l Listing) bool { return l.Host == "" && l.Route.declared }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			asks := inOneRow(slices.DeleteFunc(slices.Clone(all), func(l Listing) bool { return !kind.has(l) }))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i == len(asks) {
					i = 0
				}
				ask := &asks[i]
				if _, ok := table.Lookup(ask[0], ask[1]); !ok {
					b.Fatalf("%s%s leads nowhere", ask[0], ask[1])
				}
			}
		})
	}
}

// inOneRow is a host and a path for each listing. They lie side by side in
// memory: those of a request have just been read and are in the cache.
func inOneRow(all []Listing) [][2]string {
	var text strings.Builder
	ends := []int{0}
	for _, l := range all {
		if l.Host == "" {
			l.Host = "10.0.0.1:8080"
		}
		text.WriteString(l.Host)
		ends = append(ends, text.Len())
		text.WriteString(strings.TrimSuffix(l.Path, "/") + "/x")
		ends = append(ends, text.Len())
	}
	asks := make([][2]string, len(all))
	for i := range asks {
		asks[i] = [2]string{text.String()[ends[2*i]:ends[2*i+1]], text.String()[ends[2*i+1]:ends[2*i+2]]}
	}
	return asks
}

// BenchmarkChangeOfOne applies what a router does when the health of one instance
// changes: keep, update, bind, publish, forget.
func BenchmarkChangeOfOne(b *testing.B) {
	for _, services := range []int{100, 1000, manyServices} {
		b.Run(fmt.Sprintf("services=%d", services), func(b *testing.B) {
			r, err := New(Options{Domain: "proxy.example", Source: scripted(nil), Registry: prometheus.NewRegistry()})
			require.NoError(b, err)
			s := manyOf(services, manyInstances)
			r.apply(s)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				n := i % services
				one := oneOfMany(n, manyInstances)
				one.Instances[(i/services)%manyInstances].Health = catalog.Critical
				s = with(s, one.Name, one)
				r.apply(s)
			}
		})
	}
}

// BenchmarkFirstTable builds everything at once, as at a start, and reports the
// memory of the table with what it was built from.
func BenchmarkFirstTable(b *testing.B) {
	before := heap()
	s := manyOf(manyServices, manyInstances)
	snapshot := heap()
	b.ReportAllocs()
	var r *Router
	for b.Loop() {
		var err error
		r, err = New(Options{Domain: "proxy.example", Source: scripted(nil), Registry: prometheus.NewRegistry()})
		require.NoError(b, err)
		r.apply(s)
	}
	after := heap()
	runtime.KeepAlive(r)
	b.ReportMetric(float64(snapshot-before)/(1<<20), "snapshot-MB")
	b.ReportMetric(float64(after-snapshot)/(1<<20), "table-MB")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
