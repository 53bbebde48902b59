package limit

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Failure is how an instance failed a request.
type Failure string

// The failures.
const (
	Refused  Failure = "it refused a connection"
	Reset    Failure = "it broke off connections"
	TimedOut Failure = "it did not answer in time"
)

// When an instance is set aside, and for how long.
const (
	// inARow is how many failures in a row set an instance aside that takes
	// connections. One that refuses them is set aside at once.
	inARow = 3

	firstTime   = time.Second
	longestTime = time.Minute // before jitter
	jitter      = 0.1

	// probeTime is how long the outcome of a probe is waited for, before another
	// request is let through in its place.
	probeTime = 10 * time.Second
)

// Aside sets an instance aside while it fails: for a second, then one request is
// let through as a probe; if that fails, for twice as long, up to a minute. The
// zero value is an instance that has never failed. It takes no locks, and as
// long as nothing fails every call is a single atomic load. Its methods may be
// called from any goroutine; the fields are set before.
type Aside struct {
	Now    func() time.Time // nil is time.Now
	Random func() float64   // from [0, 1), spreads the times by a tenth; nil is math/rand

	state atomic.Pointer[failing] // nil while nothing has failed since the last success
}

// failing is what is known of an instance that has failed. It is never changed.
type failing struct {
	failures int // in a row
	times    int // that it was set aside in a row
	reason   Failure
	since    time.Time // when it was last set aside; zero if it was not
	until    time.Time
	probe    time.Time // when the last probe was let through; zero if none was
}

// Condition is the state of an instance, for people.
type Condition struct {
	Aside    bool      // it gets no requests, but for a probe
	Since    time.Time // when it was set aside
	Until    time.Time // when a probe is let through
	Probing  bool      // the outcome of one is waited for
	Failures int       // in a row
	Reason   Failure   // the last one; empty without failures
}

// Available tells whether the instance may get the next request. Ask only for a
// request that will then be sent: the answer true may have made it the probe.
func (a *Aside) Available(now time.Time) bool {
	for {
		s := a.state.Load()
		switch {
		case s == nil || s.until.IsZero():
			return true
		case now.Before(s.until) || s.probing(now):
			return false
		}
		next := *s
		next.probe = now
		if a.state.CompareAndSwap(s, &next) {
			return true
		}
	}
}

// Failed counts a failure of a request that began at a time. One that began
// before the instance was set aside tells nothing new, and one that went to it
// although it is set aside does not keep it there for longer. It tells whether this
// failure set the instance aside.
func (a *Aside) Failed(kind Failure, began time.Time) (aside bool) {
	for {
		s := a.state.Load()
		next := failing{failures: 1, reason: kind}
		if s != nil {
			if began.Before(s.since) {
				return false
			}
			next = *s
			next.failures++
			next.reason = kind
		}
		now := a.now()
		aside = !now.Before(next.until) && (kind == Refused || next.failures >= inARow || next.times > 0)
		if aside {
			a.setAside(&next, now)
		}
		if a.state.CompareAndSwap(s, &next) {
			return aside
		}
	}
}

func (a *Aside) setAside(s *failing, now time.Time) {
	s.times++
	s.since = now
	s.until = now.Add(a.spread(timeAside(s.times)))
	s.probe = time.Time{}
}

// timeAside is for how long an instance is set aside the n-th time in a row.
func timeAside(n int) time.Duration {
	d := firstTime
	for range n - 1 {
		if d *= 2; d >= longestTime {
			return longestTime
		}
	}
	return d
}

// spread keeps routers from probing all at the same moment.
func (a *Aside) spread(d time.Duration) time.Duration {
	random := a.Random
	if random == nil {
		random = rand.Float64
	}
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*random()))
}

// Succeeded counts a success of a request that began at a time: the instance is
// well again. One that began before the instance was set aside tells nothing: an
// instance that is being stopped ends its last requests well.
func (a *Aside) Succeeded(began time.Time) {
	for {
		s := a.state.Load()
		if s == nil || began.Before(s.since) || a.state.CompareAndSwap(s, nil) {
			return
		}
	}
}

// State describes the instance at a time.
func (a *Aside) State(now time.Time) Condition {
	s := a.state.Load()
	if s == nil {
		return Condition{}
	}
	return Condition{
		Aside: !s.until.IsZero(), Since: s.since, Until: s.until, Probing: s.probing(now),
		Failures: s.failures, Reason: s.reason,
	}
}

// probing tells whether the outcome of a probe is waited for.
func (s *failing) probing(now time.Time) bool {
	return !s.probe.IsZero() && now.Before(s.probe.Add(probeTime))
}

func (a *Aside) now() time.Time {
	if a.Now == nil {
		return time.Now()
	}
	return a.Now()
}
