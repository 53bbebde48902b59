//go:build integration

package integration

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"
)

// BenchmarkStartToVisible starts containers on a real engine and measures, from
// the engine's answer on, until Consul's catalogue tells of the instance. How
// long the engine took to answer is told beside it. Other containers run. Take
// thirty at least: -benchtime 40x.
func BenchmarkStartToVisible(b *testing.B) {
	m := newMachine(b)
	for range 10 {
		m.run(order{})
	}
	m.startRegistrator()
	require.Eventually(b, func() bool { return m.difference() == "" }, patience, 10*time.Millisecond)
	var delays, calls []time.Duration
	for b.Loop() {
		id, err := m.create(order{name: "measured"})
		require.NoError(b, err)
		visible := make(chan time.Time, 1)
		ctx, cancel := context.WithTimeout(b.Context(), patience)
		go m.awaitCatalogue(ctx, "proof:measured:8080", true, visible)
		asked := time.Now()
		require.NoError(b, m.docker.ContainerStart(ctx, id, container.StartOptions{}))
		started := time.Now()
		calls = append(calls, started.Sub(asked))
		delays = append(delays, (<-visible).Sub(started))
		require.NoError(b, m.docker.ContainerRemove(ctx, id, container.RemoveOptions{Force: true}))
		m.awaitCatalogue(ctx, "proof:measured:8080", false, visible)
		<-visible
		require.NoError(b, ctx.Err())
		cancel()
	}
	b.ReportMetric(share(delays, 0.5), "median-ms")
	b.ReportMetric(share(delays, 0.95), "p95-ms")
	b.ReportMetric(share(delays, 1), "worst-ms")
	b.ReportMetric(share(calls, 0.5), "median-start-call-ms")
}

// share is the duration, in milliseconds, that a share of all does not exceed.
func share(all []time.Duration, of float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return float64(sorted[int(of*float64(len(sorted)-1))]) / float64(time.Millisecond)
}

// awaitCatalogue tells when the catalogue lists an instance, or no longer does.
func (m *machine) awaitCatalogue(ctx context.Context, instance string, listed bool, at chan<- time.Time) {
	client := m.consul.Client()
	for index := uint64(0); ctx.Err() == nil; {
		rows, meta, err := client.Catalog().Service("patient", "", (&api.QueryOptions{WaitIndex: index}).WithContext(ctx))
		if err != nil {
			continue
		}
		index = meta.LastIndex
		if listed == slices.ContainsFunc(rows, func(r *api.CatalogService) bool { return r.ServiceID == instance }) {
			break
		}
	}
	at <- time.Now()
}
