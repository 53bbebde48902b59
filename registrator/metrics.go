package registrator

import (
	"context"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"teal/catalog"
)

// meters are the metrics of one agent, in a registry of their own. The handles
// are bound once.
type meters struct {
	registry *prometheus.Registry

	reconciles, failures prometheus.Counter
	reconnects           prometheus.Counter

	registers, deregisters, reports, maintains, resumes prometheus.Counter
}

func newMeters() *meters {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "teal_registrator_" + name, Help: help})
	}
	writes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "teal_registrator_writes_total", Help: "Writes to the Consul agent that went well, by kind.",
	}, []string{"kind"})
	m := &meters{
		registry:    prometheus.NewRegistry(),
		reconciles:  counter("reconciles_total", "Comparisons of the containers with the registrations, failed ones included."),
		failures:    counter("reconcile_failures_total", "Comparisons that failed, or a write after them."),
		registers:   writes.WithLabelValues("register"),
		deregisters: writes.WithLabelValues("deregister"),
		reports:     writes.WithLabelValues("report"),
		maintains:   writes.WithLabelValues("maintain"),
		resumes:     writes.WithLabelValues("resume"),
		reconnects:  counter("event_stream_reconnects_total", "How often the containers' events have been subscribed to again."),
	}
	m.registry.MustRegister(m.reconciles, m.failures, writes, m.reconnects) // the names are the program's own
	return m
}

// watch adds the metrics that are read off the status when somebody asks.
func (m *meters) watch(status func() Status) {
	gauge := func(name, help string, value func(Status) float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: "teal_registrator_" + name, Help: help}, func() float64 { return value(status()) }))
	}
	gauge("last_good_timestamp_seconds", "When the registrations were last like the containers; 0 for never.", func(s Status) float64 {
		if s.LastGood.IsZero() {
			return 0
		}
		return float64(s.LastGood.UnixMilli()) / 1000
	})
	gauge("registered_instances", "Instances that should be registered, as last seen.", func(s Status) float64 { return float64(s.Registered) })
	gauge("problems", "Containers that are not registered, or not whole, as last seen.", func(s Status) float64 { return float64(len(s.Problems)) })
}

// looked counts one comparison.
func (m *meters) looked(err error) {
	m.reconciles.Inc()
	if err != nil {
		m.failures.Inc()
	}
}

// countedRegistry counts the writes to a registry that went well.
type countedRegistry struct {
	Registry
	meters *meters
}

func (c countedRegistry) Register(ctx context.Context, r catalog.Registration) error {
	return counted(c.meters.registers, c.Registry.Register(ctx, r))
}

func (c countedRegistry) Deregister(ctx context.Context, id string) error {
	return counted(c.meters.deregisters, c.Registry.Deregister(ctx, id))
}

func (c countedRegistry) Report(ctx context.Context, checkID string, status catalog.Health, output string) error {
	return counted(c.meters.reports, c.Registry.Report(ctx, checkID, status, output))
}

func (c countedRegistry) Maintain(ctx context.Context, id, reason string) error {
	writes := c.meters.maintains
	if reason == "" {
		writes = c.meters.resumes
	}
	return counted(writes, c.Registry.Maintain(ctx, id, reason))
}

func counted(writes prometheus.Counter, err error) error {
	if err == nil {
		writes.Inc()
	}
	return err
}

// countedRuntime counts the subscriptions to a runtime's events after the first.
type countedRuntime struct {
	Runtime
	meters     *meters
	subscribed atomic.Bool
}

func (c *countedRuntime) Changes(ctx context.Context) (<-chan struct{}, error) {
	changes, err := c.Runtime.Changes(ctx)
	if err == nil && c.subscribed.Swap(true) {
		c.meters.reconnects.Inc()
	}
	return changes, err
}

// metered lets an agent that does nothing yet count what it will do.
func (a *Agent) metered() *Agent {
	a.meters = newMeters()
	a.meters.watch(a.Status)
	a.conf.Registry = countedRegistry{a.conf.Registry, a.meters}
	a.conf.Runtime = &countedRuntime{Runtime: a.conf.Runtime, meters: a.meters}
	return a
}
