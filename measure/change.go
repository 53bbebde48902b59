package measure

import (
	"time"

	"teal/catalog"
)

// change is a deployment as its users met it. Times are zero for what did not
// happen.
type change struct {
	record catalog.Deployment
	began  time.Time
	locked time.Time // when it had the lock, and had read what its alias points at
	met    time.Time // when the first users could meet it
	live   time.Time // when all users got it
	ended  time.Time

	failed   bool
	restored time.Time // when its users were well again; only if it failed
	lost     bool      // they are well again, and nobody knows since when
}

// changeOf reads a record. The state after a flip is written in the flip's own
// transaction, so its time is that of the flip: draining for the flip to all
// users, and flipping again for each part of them that a canary gives it.
func changeOf(d catalog.Deployment) *change {
	c := &change{record: d, began: d.Timeline[0].At, locked: d.Timeline[0].At}
	flipping := false
	for _, m := range d.Timeline {
		switch {
		case m.State == catalog.Locked:
			c.locked = m.At
		case m.State == catalog.Starting && c.inPlace(), m.State == catalog.Flipping && flipping:
			first(&c.met, m.At)
		case m.State == catalog.Draining:
			first(&c.met, m.At)
			first(&c.live, m.At)
		case m.State.Ended():
			first(&c.ended, m.At)
		}
		flipping = flipping || m.State == catalog.Flipping
	}
	return c
}

// first sets a time that is not set yet.
func first(t *time.Time, at time.Time) {
	if t.IsZero() {
		*t = at
	}
}

// inPlace tells whether it stops what it replaces before it is checked, as there
// is no other colour that could serve meanwhile.
func (c *change) inPlace() bool { return c.record.Target.Colour == "" && c.record.Replaces != nil }

// remedy tells whether it brings back a release that users have had before. It is
// no change of its own, but tells that what it took the place of went wrong.
func (c *change) remedy() bool { return c.record.RolledBackTo != "" }

func (c *change) succeeded() bool { return c.record.State == catalog.Succeeded }

// judged tells whether users met it and it is known what came of that.
func (c *change) judged() bool {
	return !c.remedy() && !c.met.IsZero() && (c.failed || !c.ended.IsZero())
}

// leadTime is how long its commit took to all users; false where that is not
// known.
func (c *change) leadTime() (time.Duration, bool) {
	if c.record.Committed.IsZero() || c.live.IsZero() || c.live.Before(c.record.Committed) {
		return 0, false // before: one of the clocks was wrong
	}
	return c.live.Sub(c.record.Committed), true
}
