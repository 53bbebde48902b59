// Package gauges shows measures to Prometheus.
package gauges

import (
	"github.com/prometheus/client_golang/prometheus"

	"teal/measure"
)

// Collector is a prometheus.Collector of measures.
type Collector struct {
	keys func() []measure.Keys

	window, deployments, met, failed, ratio, open *prometheus.Desc
	lead, restore, step                           *prometheus.Desc
}

// New collects what keys answers at that moment. It is called for each scrape,
// maybe by several at once, and must answer each service and environment once.
func New(keys func() []measure.Keys) *Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("teal_measure_"+name, help, append([]string{"service", "environment"}, labels...), nil)
	}
	return &Collector{
		keys:        keys,
		window:      desc("window_seconds", "The time, ending now, that the measures are of."),
		deployments: desc("deployments", "Deployments that succeeded in the window."),
		met:         desc("deployments_met", "Deployments in the window that users met and of which it is known what came of it."),
		failed:      desc("deployments_failed", "Those of them that went wrong."),
		ratio:       desc("change_fail_ratio", "Deployments that went wrong, by those that users met."),
		open:        desc("deployments_failed_open", "Deployments that went wrong and whose users are not well again, as far as records tell."),
		lead:        desc("lead_time_seconds", "Time from a commit to all users, over the window.", "quantile"),
		restore:     desc("restore_seconds", "Time that users had a deployment that went wrong, over the window.", "quantile"),
		step:        desc("step_seconds", "Time that deployments that succeeded were in a state, over the window.", "step", "quantile"),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.window, c.deployments, c.met, c.failed, c.ratio, c.open, c.lead, c.restore, c.step} {
		out <- d
	}
}

// Collect implements prometheus.Collector. What is not known has no value.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	for _, k := range c.keys() {
		if !k.Empty() {
			c.collect(out, k)
		}
	}
}

func (c *Collector) collect(out chan<- prometheus.Metric, k measure.Keys) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{k.Service, k.Environment}, labels...)...)
	}
	spread := func(d *prometheus.Desc, s measure.Spread, labels ...string) {
		if s.Count > 0 {
			gauge(d, s.Median.Seconds(), append(labels, "0.5")...)
			gauge(d, s.P90.Seconds(), append(labels, "0.9")...)
		}
	}
	gauge(c.window, k.Window().Seconds())
	gauge(c.deployments, float64(k.Frequency.Count))
	gauge(c.met, float64(k.Failing.Met))
	gauge(c.failed, float64(k.Failing.Failed))
	gauge(c.open, float64(k.Restore.Open))
	if k.Failing.Met > 0 {
		gauge(c.ratio, k.Failing.Rate)
	}
	spread(c.lead, k.LeadTime)
	spread(c.restore, k.Restore.Spread)
	for _, s := range k.Steps {
		spread(c.step, s.Spread, string(s.State))
	}
}
