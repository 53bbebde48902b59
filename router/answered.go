package router

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"teal/catalog"
	"teal/fleet"
)

// answerBounds are the upper bounds of the buckets that times are counted in;
// above the last there is one more.
var answerBounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 30 * time.Second, catalog.MaxMeasured,
}

// answered counts what a target's requests came to. It is as old as the target's
// tally and only ever grows, so that two readings can be subtracted. It is safe
// for concurrent use, and never waits.
type answered struct {
	since   time.Time // not changed
	errors  atomic.Uint64
	sum     atomic.Int64                         // of all times, in nanoseconds
	buckets [len(answerBounds) + 1]atomic.Uint64 // by the time that the answer took to begin
}

// count notes a request whose answer began after a time, or that ended without
// one.
func (a *answered) count(took time.Duration) {
	n := 0
	for n < len(answerBounds) && took > answerBounds[n] {
		n++
	}
	a.buckets[n].Add(1)
	a.sum.Add(int64(took))
}

// fail notes that a request, which has been counted, was an error.
func (a *answered) fail() { a.errors.Add(1) }

// reading is what has been counted so far. The errors are read first: each of
// their requests has been counted before it.
func (a *answered) reading() fleet.Traffic {
	t := fleet.Traffic{Since: a.since, Errors: a.errors.Load(), Buckets: make([]fleet.Bucket, 0, len(a.buckets))}
	for n := range a.buckets {
		t.Requests += a.buckets[n].Load()
		bucket := fleet.Bucket{Count: t.Requests}
		if n < len(answerBounds) {
			bucket.LE = milliseconds(answerBounds[n])
		}
		t.Buckets = append(t.Buckets, bucket)
	}
	return t
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// inSeconds are the bounds as Prometheus wants them.
func inSeconds(bounds []time.Duration) []float64 {
	seconds := make([]float64, len(bounds))
	for n, b := range bounds {
		seconds[n] = b.Seconds()
	}
	return seconds
}

// answers counts the claim's request for its target, once: when its answer begins
// after a time, so that one that goes on for hours counts too, or else when it
// ends. One that is counted is not tried again.
func (c *Claim) answers(took time.Duration, failed bool) {
	if c.counted {
		return
	}
	c.counted = true
	c.pool.tally.answered.count(took)
	if failed {
		c.fails()
	}
}

// fails notes, once, that the request was an error.
func (c *Claim) fails() {
	if !c.failed {
		c.failed = true
		c.pool.tally.answered.fail()
	}
}

// concludes counts a request that has ended under class after a time. A client
// that went away is no error; how long it had waited by then counts all the same,
// or an instance that never answers would seem to have had no requests.
func (c *Claim) concludes(class Class, took time.Duration) {
	c.answers(took, false)
	if class == Class5xx || class == ClassBroken {
		c.fails()
	}
}

// histogram is the count for Prometheus; nil while there was no request, as most
// targets never get one.
func (a *answered) histogram(desc *prometheus.Desc, key poolKey) prometheus.Metric {
	t := a.reading()
	if t.Requests == 0 {
		return nil
	}
	buckets := make(map[float64]uint64, len(answerBounds))
	for n, bound := range answerBounds {
		buckets[bound.Seconds()] = t.Buckets[n].Count
	}
	return prometheus.MustNewConstHistogram(desc, t.Requests, time.Duration(a.sum.Load()).Seconds(), buckets, key.service, key.target.String())
}
