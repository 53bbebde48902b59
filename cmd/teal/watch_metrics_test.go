package main

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"teal/consul"
)

func TestWatchMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newWatchMetrics(func() consul.WatchStats {
		return consul.WatchStats{Feeds: map[consul.Feed]consul.FeedStats{consul.FeedAliases: {Answers: 3, Errors: 1}}, Snapshots: 2}
	}))
	families, err := registry.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue()
	}
	require.Equal(t, map[string]float64{
		"teal_watch_answers_total": 3, "teal_watch_errors_total": 1, "teal_watch_snapshots_total": 2,
		"teal_watch_sweeps_total": 0, "teal_watch_switches_total": 0,
	}, got)
}
