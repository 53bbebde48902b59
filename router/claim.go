package router

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// Ask is what decides where a request goes.
type Ask struct {
	Host string     // the Host header
	Path string     // escaped, without the query
	Peer netip.Addr // who asks, behind trusted proxies
}

// Claim is an instance that one request may use, counted in flight until it is
// released. It belongs to the goroutine that serves the request. The zero value
// is ready for Router.Claim, again after each Release.
type Claim struct {
	Match   Match
	Address string // of the instance, host:port

	dispatch *dispatch
	ask      Ask
	pool     *pool
	tally    *instanceTally // nil once released
	began    time.Time
}

// Target is the target that the claimed instance belongs to, in text.
func (c *Claim) Target() string { return c.pool.target.String() }

// dispatch gives out claims on the current table.
type dispatch struct {
	table   atomic.Pointer[Table]
	preview networks
}

// begin starts a request: its time counts from here.
func (d *dispatch) begin(c *Claim, ask Ask) *Answer {
	if answer := d.claim(c, ask, ""); answer != nil {
		return answer
	}
	c.began = time.Now()
	return nil
}

// claim fills c with an instance for what is asked, or answers why there is
// none. It keeps away from the address except, if that is not empty.
//
// The order is what the promise "no request fails because of a flip" rests on: count
// first, then make sure that the table is still the current one. Whoever
// publishes a table and then reads the counters sees every claim on the old one.
func (d *dispatch) claim(c *Claim, ask Ask, except string) *Answer {
	for {
		table := d.table.Load()
		if table == nil {
			return answerStarting()
		}
		match, ok := table.Lookup(ask.Host, ask.Path)
		if !ok {
			return d.answerUnmatched(table, match, ask)
		}
		if match.Route.Preview && !d.preview.has(ask.Peer) {
			return answerPreview(match.Route)
		}
		if match.Bare {
			return answerSlash(ask.Path)
		}
		pool, backend := match.Route.pick(except)
		if backend == nil {
			return answerNobody(match.Route)
		}
		backend.tally.inFlight.Add(1)
		if d.table.Load() != table {
			backend.tally.inFlight.Add(-1)
			continue
		}
		c.dispatch, c.ask, c.Match, c.pool, c.tally, c.Address = d, ask, match, pool, backend.tally, backend.address
		return nil
	}
}

// Reached notes that the claimed instance has answered.
func (c *Claim) Reached() {
	if c.tally != nil {
		c.tally.reached()
	}
}

// Unreachable notes that no connection to the claimed instance could be had: it
// is passed over for a while, as long as there is another.
func (c *Claim) Unreachable() {
	if c.tally != nil {
		c.tally.setAside()
	}
}

// Again exchanges the claim for one on another instance, looked up afresh, after
// the claimed one could not be reached. It is false when there is no other; the
// claim is then released.
func (c *Claim) Again() bool {
	c.letGo()
	if c.dispatch.claim(c, c.ask, c.Address) != nil {
		return false
	}
	c.pool.tally.meters.retries.Inc()
	return true
}

// Release ends the claim and counts its request under class. The response must
// have been sent to its end, or given up. Later calls do nothing.
func (c *Claim) Release(class Class) {
	c.letGo()
	if c.began.IsZero() {
		return
	}
	c.pool.tally.meters.done(class, time.Since(c.began))
	c.began = time.Time{}
}

func (c *Claim) letGo() {
	if c.tally != nil {
		c.tally.inFlight.Add(-1)
		c.tally = nil
	}
}
