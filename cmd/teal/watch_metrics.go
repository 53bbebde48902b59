package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"teal/consul"
)

// watchMetrics shows what the watch of Consul does. The consul room counts, so
// that it need not know who asks.
type watchMetrics struct {
	stats func() consul.WatchStats

	answers, errors, snapshots, sweeps, switches *prometheus.Desc
}

func newWatchMetrics(stats func() consul.WatchStats) *watchMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("teal_watch_"+name, help, labels, nil)
	}
	return &watchMetrics{
		stats:     stats,
		answers:   desc("answers_total", "Answers of Consul to the queries of a feed.", "feed"),
		errors:    desc("errors_total", "Queries of a feed that Consul did not answer well.", "feed"),
		snapshots: desc("snapshots_total", "Views of the catalogue that were handed to the router."),
		sweeps:    desc("sweeps_total", "Times that all services were read, as nothing told which of them changed."),
		switches:  desc("switches_total", "Changes between a query for each service and common feeds for all."),
	}
}

// Describe implements prometheus.Collector.
func (m *watchMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.answers, m.errors, m.snapshots, m.sweeps, m.switches} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *watchMetrics) Collect(out chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	s := m.stats()
	for feed, f := range s.Feeds {
		counter(m.answers, f.Answers, string(feed))
		counter(m.errors, f.Errors, string(feed))
	}
	counter(m.snapshots, s.Snapshots)
	counter(m.sweeps, s.Sweeps)
	counter(m.switches, s.Switches)
}
