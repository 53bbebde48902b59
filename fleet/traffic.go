package fleet

import (
	"fmt"
	"math"
	"time"
)

// Traffic is what came of the requests that went to a target, counted by a router
// since its counting began, or the sum or difference of such counts. Its methods
// are pure.
type Traffic struct {
	// Since is when the counting began, by the router's clock: its process or its
	// knowledge of the target is no older. Zero in a sum.
	Since time.Time `json:"since"`
	// Requests are those whose answer began, or that ended without one.
	Requests uint64 `json:"requests"`
	// Errors are those of them that the client was answered 5xx, or that broke on the
	// instance's side. Neither a 4xx nor a client that went away is one.
	Errors uint64 `json:"errors"`
	// Buckets are ordered by their bounds, and not to be changed. Empty where nobody
	// has counted anything.
	Buckets []Bucket `json:"buckets"`
}

// Bucket is how many requests took up to a time: from the choice of an instance
// until the answer began, or until the request ended without one.
type Bucket struct {
	LE    float64 `json:"le_ms,omitempty"` // milliseconds; 0 in the last bucket, which has no bound
	Count uint64  `json:"count"`           // with those of the buckets before
}

// Unbounded is a quantile of which is known only that it lies above all bounds.
const Unbounded = time.Duration(math.MaxInt64)

// Sub is what was counted between an earlier reading of the same router and this
// one: all of it, where the router's counting has begun again meanwhile.
func (t Traffic) Sub(before Traffic) Traffic {
	if !t.follows(before) {
		return t
	}
	return t.with(before, func(now, then uint64) uint64 { return now - then })
}

// follows tells whether before is an earlier reading of the same counters.
func (t Traffic) follows(before Traffic) bool {
	if !t.Since.Equal(before.Since) || t.Requests < before.Requests || t.Errors < before.Errors {
		return false
	}
	counts := before.counts()
	for _, b := range t.Buckets {
		if then, ok := counts[b.LE]; before.Requests > 0 && (!ok || b.Count < then) {
			return false
		}
	}
	return true
}

// Add is the sum of two counts. Of routers that count in different buckets, as
// two releases may, it has those bounds that both know.
func (t Traffic) Add(other Traffic) Traffic {
	sum := t.with(other, func(a, b uint64) uint64 { return a + b })
	sum.Since = time.Time{}
	return sum
}

// with combines two counts, in the buckets that both have. One that has counted
// nothing fits any.
func (t Traffic) with(other Traffic, do func(a, b uint64) uint64) Traffic {
	result := Traffic{Since: t.Since, Requests: do(t.Requests, other.Requests), Errors: do(t.Errors, other.Errors)}
	switch {
	case other.Requests == 0:
		result.Buckets = t.Buckets
		return result
	case t.Requests == 0 && len(t.Buckets) == 0:
		result.Buckets = other.Buckets
		return result
	}
	counts := other.counts()
	for _, b := range t.Buckets {
		if n, ok := counts[b.LE]; ok {
			result.Buckets = append(result.Buckets, Bucket{LE: b.LE, Count: do(b.Count, n)})
		}
	}
	return result
}

// counts are those of the buckets, by bound.
func (t Traffic) counts() map[float64]uint64 {
	counts := make(map[float64]uint64, len(t.Buckets))
	for _, b := range t.Buckets {
		counts[b.LE] = b.Count
	}
	return counts
}

// ErrorRate is the part of the requests that were errors, from 0 to 1. It is 0
// where there was no request. Over a window it is at most 1, though some of the
// errors may be of requests that were counted before it.
func (t Traffic) ErrorRate() float64 {
	if t.Requests == 0 {
		return 0
	}
	return min(1, float64(t.Errors)/float64(t.Requests))
}

// Quantile is the time within which a part of the requests, from 0 to 1, was
// answered, as if those within a bucket were spread evenly. It is 0 where there
// was no request, and Unbounded above the last bound, as it could be anything
// there.
func (t Traffic) Quantile(part float64) time.Duration {
	rank := part * float64(t.Requests)
	var from Bucket
	for _, b := range t.Buckets {
		if count := float64(b.Count); b.Count > from.Count && count >= rank {
			if b.LE == 0 {
				return Unbounded
			}
			share := max(0, rank-float64(from.Count)) / float64(b.Count-from.Count)
			return time.Duration((from.LE + share*(b.LE-from.LE)) * float64(time.Millisecond))
		}
		from = b
	}
	return 0
}

// Within says in words what Quantile does: "within 120ms".
func (t Traffic) Within(part float64) string {
	d := t.Quantile(part)
	if d < Unbounded {
		return fmt.Sprintf("within %s", d.Round(roundTo(d)))
	}
	most := 0.0
	for _, b := range t.Buckets {
		most = max(most, b.LE)
	}
	return fmt.Sprintf("in more than %s", time.Duration(most*float64(time.Millisecond)))
}

// roundTo keeps what matters of a time that is an estimate.
func roundTo(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return 100 * time.Microsecond
	}
	return time.Millisecond
}

// String is the traffic in half a sentence.
func (t Traffic) String() string {
	if t.Requests == 0 {
		return "no requests"
	}
	return fmt.Sprintf("%d requests, %.3g %% of them errors, 95 of 100 answered %s", t.Requests, 100*t.ErrorRate(), t.Within(0.95))
}
