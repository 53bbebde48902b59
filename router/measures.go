package router

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"teal/catalog"
	"teal/measure"
	"teal/measure/gauges"
)

const (
	// measureEvery is how often the records of deployments are read, with up to a
	// tenth more by chance, so that routers that started together drift apart.
	measureEvery = time.Minute
	// measureAgain is how soon they are measured again while there is no table, which
	// tells of flips.
	measureAgain = time.Second
	// measureWithin bounds one reading.
	measureWithin = 30 * time.Second
	// measureBefore is how much longer than the window records are read that a
	// deployment may begin before it goes live: it may wait for somebody's word.
	measureBefore = 7 * 24 * time.Hour
)

// Records tells which deployments are recorded.
type Records interface {
	// Deployments are the recorded deployments that began since a time, by service,
	// in any order. It is called by one goroutine, about once a minute.
	Deployments(ctx context.Context, since time.Time) (map[string][]catalog.Deployment, error)
}

// measures keeps what the records of deployments tell. Nothing else of a router
// depends on it: what can't be read stays as it was.
type measures struct {
	records Records // nil measures nothing
	now     func() time.Time
	log     hclog.Logger
	table   func() *Table // nil while there is none

	last    atomic.Pointer[measured]
	failing bool // the last reading failed; run's own
}

// measured is what one reading told. It is not changed.
type measured struct {
	at time.Time
	of map[string][]measure.Keys // by service; by environment
}

func newMeasures(opt Options, table func() *Table) (*measures, error) {
	m := &measures{records: opt.Records, now: opt.Now, log: opt.Logger, table: table}
	if m.records == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		gauges.New(m.all),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "teal_measure_read_timestamp_seconds", Help: "When the records of deployments were read last; 0 while they have not been.",
		}, m.readAt),
	} {
		if err := opt.Registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// run reads and measures until ctx ends.
func (m *measures) run(ctx context.Context) {
	if m.records == nil {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		m.round(ctx)
		timer.Reset(m.rest())
	}
}

func (m *measures) rest() time.Duration {
	if m.table() == nil {
		return measureAgain
	}
	return measureEvery + rand.N(measureEvery/10)
}

// round reads once. It says so in the log when that fails, and when it does no
// more.
func (m *measures) round(ctx context.Context) {
	t := m.table() // before the records: the fewer flips are newer than they, the better
	if t == nil {
		return
	}
	bound, done := context.WithTimeout(ctx, measureWithin)
	defer done()
	now := m.now()
	records, err := m.records.Deployments(bound, now.Add(-measure.DefaultWindow-measureBefore))
	switch {
	case err != nil && ctx.Err() != nil:
		return
	case err != nil && !m.failing:
		m.log.Warn("the records of deployments can't be read; the last measures stay", "error", err)
	case err == nil && m.failing:
		m.log.Info("the records of deployments can be read again")
	}
	if m.failing = err != nil; !m.failing {
		m.last.Store(&measured{at: now, of: measureAll(records, t.snapshot, now)})
	}
}

// measureAll is pure.
func measureAll(records map[string][]catalog.Deployment, s catalog.Snapshot, now time.Time) map[string][]measure.Keys {
	of := map[string][]measure.Keys{}
	for service, deployments := range records {
		for _, h := range measure.Histories(service, deployments, s.Services.At(service)) {
			if k := measure.Of(h, measure.DefaultWindow, now); !k.Empty() {
				of[service] = append(of[service], k)
			}
		}
	}
	return of
}

// service is what is measured of a service; nil for nothing.
func (m *measures) service(name string) []measure.Keys {
	if last := m.last.Load(); last != nil {
		return last.of[name]
	}
	return nil
}

// all is what is measured of all services.
func (m *measures) all() []measure.Keys {
	var all []measure.Keys
	if last := m.last.Load(); last != nil {
		for _, keys := range last.of {
			all = append(all, keys...)
		}
	}
	return all
}

func (m *measures) readAt() float64 {
	if last := m.last.Load(); last != nil {
		return float64(last.at.UnixMilli()) / 1000
	}
	return 0
}
