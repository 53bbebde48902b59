package router

import (
	"context"
	"net/url"
	"sync/atomic"
	"time"

	"teal/catalog"
	"teal/router/limit"
)

// Claim is an instance that one request may use, counted in flight until it is
// released. It belongs to the goroutine that serves the request. The zero value
// is ready for Router.Claim, again after each Release.
type Claim struct {
	Match    Match
	Address  string // of the instance, host:port
	Protocol string // that it speaks, as its meta names it; empty for HTTP/1.1
	// Cookie is the value of a Set-Cookie header that keeps the client on its side
	// of a split; empty when it knows already.
	Cookie string
	Status int   // of the answer, 0 while there is none; set by the engine
	Sent   int64 // bytes of the answer's body; set by the engine
	Class  Class // how the request ended; set by Release
	// RequestID is the request's X-Request-Id as the service sees it; set by the
	// engine.
	RequestID string

	dispatch *dispatch
	ask      Ask
	pool     *pool
	instance string         // its key
	release  string         // of the instance
	tally    *instanceTally // nil once released
	permit   *limit.Limiter // the service's; nil without a limit
	ticket   uint32         // that draws the client's side of a split
	ticketed bool           // it has one
	held     time.Duration  // how long a pause would have let it wait; 0 if none held it
	tried    []string       // addresses that took the request in vain
	refused  int            // how many connections could not be made
	index    uint64         // of the aliases that the table knew
	began    time.Time      // of the request
	counted  bool           // for its target
	failed   bool           // and as an error
	since    time.Time      // of this try
}

// Target is the target that the claimed instance belongs to, in text.
func (c *Claim) Target() string { return c.pool.target.String() }

// dispatch gives out claims on the current table.
type dispatch struct {
	table   atomic.Pointer[Table]
	preview networks // may see targets no alias points at
	debug   networks // are told where answers come from
	ending  ending   // of the router: nobody is held any more
}

// begin starts a request: its time counts from here.
func (d *dispatch) begin(ctx context.Context, c *Claim, ask Ask) *Answer {
	c.dispatch, c.ask, c.tried, c.refused, c.Cookie, c.ticketed, c.held = d, ask, nil, 0, "", false, 0
	c.counted, c.failed = false, false
	if answer := d.claim(ctx, c); answer != nil {
		c.leave()
		return answer
	}
	c.began = c.since
	c.pool.policy.tally.budget.Load().Deposit()
	return nil
}

// claim fills c with an instance for what is asked, or answers why there is
// none. It keeps away from the addresses that were tried.
//
// The order is what the promise "no request fails because of a flip" rests on: count
// first, then make sure that the table is still the current one. Whoever
// publishes a table and then reads the counters sees every claim on the old one.
func (d *dispatch) claim(ctx context.Context, c *Claim) *Answer {
	for {
		table := d.table.Load()
		if table == nil {
			return answerStarting()
		}
		match, ok := table.match(&c.ask)
		if !ok {
			return d.answerUnmatched(table, match, c.ask)
		}
		answer, waited := d.admit(ctx, c, match)
		if answer != nil {
			return answer
		}
		if waited {
			continue // the table may be another one by now
		}
		pool, backend := d.choose(c, match.Route)
		if backend == nil {
			return answerNobody(match.Route)
		}
		backend.tally.inFlight.Add(1)
		match.Route.through.Add(1)
		if d.table.Load() != table {
			backend.tally.inFlight.Add(-1)
			match.Route.through.Add(-1)
			continue
		}
		c.Match, c.pool, c.tally, c.Address, c.Protocol = match, pool, backend.tally, backend.address, backend.protocol
		c.since = time.Now()
		c.instance, c.release, c.index = backend.key, backend.release, table.snapshot.AliasIndex
		return nil
	}
}

// admit has a request wait for what it must wait for, and tells whether it did.
// It answers why the request may not go on.
func (d *dispatch) admit(ctx context.Context, c *Claim, m Match) (answer *Answer, waited bool) {
	r := m.Route
	if answer := d.bar(&c.ask, m); answer != nil {
		return answer, false
	}
	// One that is tried again was under way before the halt, and is counted still.
	if r.halt != nil && len(c.tried) == 0 {
		c.leave() // who is held keeps nobody from a turn
		c.held = r.halt.maxWait
		return d.await(ctx, r), true
	}
	return c.enter(ctx, r)
}

// bar answers those who may not go on, however long they wait.
func (d *dispatch) bar(ask *Ask, m Match) *Answer {
	switch {
	case m.Route.Preview && !mayPreview(ask, m.Route.policy, d.preview):
		return answerPreview(m.Route)
	case m.Bare:
		return answerSlash(ask.Path)
	}
	return nil
}

// enter waits for the request's turn where the service limits them. A request
// has one turn, however often it is tried. One that a pause has held was told to
// wait, and is not one too many now that all who were held want their turn.
func (c *Claim) enter(ctx context.Context, r *Route) (answer *Answer, waited bool) {
	limiter := r.policy.tally.limiter.Load()
	if limiter == c.permit {
		return nil, false
	}
	c.leave()
	if limiter == nil {
		return nil, false
	}
	acquire, wait := limiter.Acquire, r.policy.queueWait
	if c.held > 0 {
		acquire, wait = limiter.AcquireBeyond, max(wait, c.held)
	}
	if err := acquire(ctx, wait); err != nil {
		return answerBusy(ctx, r, err, wait), false
	}
	c.permit = limiter
	return nil, true
}

// leave gives the turn back.
func (c *Claim) leave() {
	if c.permit != nil {
		c.permit.Release()
		c.permit = nil
	}
}

// choose picks an instance: of the target that a preview rule sends the request
// to, or of the alias.
func (d *dispatch) choose(c *Claim, r *Route) (*pool, *backend) {
	for _, p := range r.previews {
		if p.takes(&c.ask, r.policy, d.preview) {
			if pool, b := p.split.pick(0, c.tried); b != nil {
				return pool, b
			}
		}
	}
	if len(r.split.all) < 2 {
		return r.split.pick(0, c.tried)
	}
	if !c.ticketed {
		var fresh bool
		if c.ticket, fresh = r.ticket(&c.ask); fresh {
			c.Cookie = r.setCookie(c.ticket)
		}
		c.ticketed = true
	}
	return r.split.pick(c.ticket, c.tried)
}

// Reached notes that the claimed instance has answered.
func (c *Claim) Reached() {
	if c.tally != nil {
		c.tally.aside.Succeeded(c.since)
	}
}

// Failed notes that the claimed instance did not answer: after enough of that it
// is passed over for a while, as long as there is another.
func (c *Claim) Failed(how limit.Failure) {
	if how == limit.Refused {
		c.refused++
	}
	if c.tally != nil && c.tally.aside.Failed(how, c.since) {
		c.pool.tally.handles().asides.Inc()
	}
}

// Again exchanges the claim for one on another instance, looked up afresh, after
// the claimed one failed. It is false, and the claim as it was, when there is no
// other or when the service has had its share of such attempts.
func (c *Claim) Again(ctx context.Context) bool {
	if c.spent() {
		return false
	}
	next := *c
	next.tried = append(next.tried, c.Address)
	if c.dispatch.claim(ctx, &next) != nil {
		c.permit = next.permit
		return false
	}
	same := next.Match.Route.Service == c.Match.Route.Service // a declared route may have moved meanwhile
	if !same || !c.pool.policy.tally.budget.Load().Withdraw() {
		next.letGo()
		c.permit = next.permit
		return false
	}
	c.letGo()
	*c = next
	c.pool.tally.handles().retries.Inc()
	return true
}

// spent tells whether the request was sent as often as the service wants. A
// connection that could not be made costs the service nothing, so that it does not
// count, unless the service wants no second try at all: a router that has just
// started does not know yet which of many instances are dead.
func (c *Claim) spent() bool {
	most := c.pool.policy.attempts
	return most == 1 || len(c.tried)+1-c.refused >= most
}

// upgrades tells whether the claimed instance may change to another protocol. In
// HTTP/2 nobody does (RFC 9113, section 8.6).
func (c *Claim) upgrades() bool {
	return c.Protocol != catalog.ProtocolH2C && c.Protocol != catalog.ProtocolGRPC
}

// address writes where the claimed instance is.
func (c *Claim) address(u *url.URL) {
	u.Scheme, u.Host = "http", c.Address
	if c.Protocol == catalog.ProtocolHTTPS {
		u.Scheme = "https"
	}
}

// Release ends the claim and counts its request under class: first that, so that
// whoever sees nothing in flight any more finds all requests counted. The response
// must have been sent to its end, or given up. Later calls do nothing.
func (c *Claim) Release(class Class) {
	if !c.began.IsZero() {
		c.Class = class
		took := time.Since(c.began)
		c.concludes(class, took)
		c.pool.tally.handles().done(class, took)
		c.began = time.Time{}
	}
	c.letGo()
	c.leave()
}

func (c *Claim) letGo() {
	if c.tally != nil {
		c.tally.inFlight.Add(-1)
		c.Match.Route.through.Add(-1)
		c.tally = nil
	}
}
