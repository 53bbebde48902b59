package limit

import (
	"sync/atomic"
	"time"
)

// Budget bounds retries to a part of all requests, so that they do not multiply
// the load of a service that fails. A quiet service may retry a few times a
// second whatever its requests. Its methods may be called from any goroutine.
type Budget struct {
	perRequest int64 // parts of a token
	perSecond  int64 // tokens
	most       int64 // parts of a token
	now        func() time.Time
	begin      time.Time
	tokens     atomic.Int64 // parts of a token
	paid       atomic.Int64 // until when the floor was paid in, in nanoseconds since begin
}

// token is what a retry costs. It has so many parts that a nanosecond of the
// floor is a thousandth of one, and a percent ten thousand.
const token = 1_000_000

// NewBudget lets percent retries go for every 100 requests, and floor a second
// besides. Up to most are saved up; it begins with that many. now is the time;
// nil is time.Now.
func NewBudget(percent, floor, most int, now func() time.Time) *Budget {
	if now == nil {
		now = time.Now
	}
	b := &Budget{
		perRequest: int64(percent) * token / 100, perSecond: int64(floor), most: int64(most) * token,
		now: now, begin: now(),
	}
	b.tokens.Store(b.most)
	return b
}

// Deposit counts a request.
func (b *Budget) Deposit() { b.add(b.perRequest) }

// Withdraw tells whether a retry may go, and counts it if so.
func (b *Budget) Withdraw() bool {
	b.payFloor()
	for {
		have := b.tokens.Load()
		if have < token {
			return false
		}
		if b.tokens.CompareAndSwap(have, have-token) {
			return true
		}
	}
}

// payFloor pays in what the time since it was last called is worth.
func (b *Budget) payFloor() {
	now, paid := int64(b.now().Sub(b.begin)), b.paid.Load()
	parts := min(now-paid, int64(time.Hour)) * b.perSecond / (int64(time.Second) / token)
	if parts > 0 && b.paid.CompareAndSwap(paid, now) {
		b.add(parts)
	}
}

func (b *Budget) add(parts int64) {
	for {
		have := b.tokens.Load()
		if have >= b.most || b.tokens.CompareAndSwap(have, min(b.most, have+parts)) {
			return
		}
	}
}
