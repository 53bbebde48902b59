package router

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"teal/catalog"
)

// Class is how a request ended, for the metrics.
type Class int

// The classes. Gone is a client that went away, Broken an instance that broke
// off in the middle of its answer.
const (
	Class1xx Class = iota
	Class2xx
	Class3xx
	Class4xx
	Class5xx
	ClassGone
	ClassBroken
	classes
)

var classNames = [classes]string{"1xx", "2xx", "3xx", "4xx", "5xx", "gone", "broken"}

// String is the class as the metrics and the log name it.
func (c Class) String() string {
	if c < 0 || c >= classes {
		return ""
	}
	return classNames[c]
}

// ClassOf is the class of a status code.
func ClassOf(status int) Class {
	if c := Class(status/100 - 1); c >= Class1xx && c <= Class5xx {
		return c
	}
	return Class5xx
}

// meters are the metrics that requests change.
type meters struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	retries   *prometheus.CounterVec
	asides    *prometheus.CounterVec
	answers   map[string]prometheus.Counter // by code word
}

// targetMeters are one target's handles, looked up once.
type targetMeters struct {
	requests [classes]prometheus.Counter
	duration prometheus.Observer
	retries  prometheus.Counter
	asides   prometheus.Counter
}

func newMeters(reg prometheus.Registerer) (*meters, error) {
	m := &meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "teal_requests_total", Help: "Requests sent on to a target, by class of the answer.",
		}, []string{"service", "target", "class"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "teal_request_duration_seconds", Help: "Time from a request's claim to the end of its answer.",
			Buckets: inSeconds(answerBounds[:]),
		}, []string{"service", "target"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "teal_retries_total", Help: "Requests sent on to a target after another instance could not be reached.",
		}, []string{"service", "target"}),
		asides: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "teal_set_aside_total", Help: "Times that an instance of a target was set aside, as it did not answer.",
		}, []string{"service", "target"}),
		answers: map[string]prometheus.Counter{},
	}
	answers := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "teal_own_answers_total", Help: "Requests that the router answered itself, by code word.",
	}, []string{"code"})
	for _, code := range codeWords {
		m.answers[code] = answers.WithLabelValues(code)
	}
	for _, c := range []prometheus.Collector{m.requests, m.durations, m.retries, m.asides, answers} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the router's metrics (give each router its own registry): %w", err)
		}
	}
	return m, nil
}

func (m *meters) forTarget(key poolKey) *targetMeters {
	target := key.target.String()
	t := &targetMeters{
		duration: m.durations.WithLabelValues(key.service, target),
		retries:  m.retries.WithLabelValues(key.service, target),
		asides:   m.asides.WithLabelValues(key.service, target),
	}
	for c, name := range classNames {
		t.requests[c] = m.requests.WithLabelValues(key.service, target, name)
	}
	return t
}

func (m *meters) forget(key poolKey) {
	labels := prometheus.Labels{"service": key.service, "target": key.target.String()}
	m.requests.DeletePartialMatch(labels)
	m.durations.Delete(labels)
	m.retries.Delete(labels)
	m.asides.Delete(labels)
}

func (t *targetMeters) done(c Class, took time.Duration) {
	t.requests[c].Inc()
	t.duration.Observe(took.Seconds())
}

// state is the metrics that are read when somebody asks for them.
type state struct {
	router *Router

	inFlight, answer, applied, stale, problems, held, services *prometheus.Desc
}

func newState(r *Router) *state {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &state{
		router:   r,
		inFlight: desc("teal_in_flight", "Requests in flight.", "service", "target"),
		answer:   desc("teal_answer_begin_seconds", "Time from a request's claim to the beginning of its answer, or to its end without one.", "service", "target"),
		applied:  desc("teal_applied_index", "Consul's index of the alias keys that are applied."),
		stale:    desc("teal_stale_seconds", "How long Consul has not answered; 0 while it does."),
		problems: desc("teal_problems", "Problems found in what lies in Consul."),
		held:     desc("teal_held", "1 for each target whose last good instances are kept.", "service", "target"),
		services: desc("teal_services", "Services known."),
	}
}

// Describe implements prometheus.Collector.
func (s *state) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.inFlight, s.answer, s.applied, s.stale, s.problems, s.held, s.services} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s *state) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s.router.ledger.each(func(key poolKey, tally *targetTally) {
		gauge(s.inFlight, float64(tally.inFlight()), key.service, key.target.String())
		if h := tally.answered.histogram(s.answer, key); h != nil {
			out <- h
		}
	})
	t := s.router.dispatch.table.Load()
	if t == nil {
		return
	}
	gauge(s.applied, float64(t.snapshot.AliasIndex))
	gauge(s.stale, s.router.staleFor(t.snapshot).Seconds())
	gauge(s.problems, float64(len(s.router.problems(t))))
	gauge(s.services, float64(t.snapshot.Services.Len()))
	for name, service := range t.snapshot.Services.All() {
		for _, target := range heldTargets(service) {
			gauge(s.held, 1, name, target.String())
		}
	}
}

func heldTargets(s *catalog.Service) []catalog.Target {
	if s == nil {
		return nil
	}
	return sortedTargets(s.Held)
}

// staleFor is how long Consul has not answered.
func (r *Router) staleFor(s catalog.Snapshot) time.Duration {
	if s.StaleSince.IsZero() {
		return 0
	}
	return max(0, r.opt.Now().Sub(s.StaleSince))
}
