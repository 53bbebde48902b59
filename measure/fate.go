package measure

import (
	"time"

	"teal/catalog"
)

// judge finds out which changes failed, and until when. changes are in the order
// in which they got the lock.
func (h History) judge(changes []*change) {
	for n, c := range changes {
		if c.met.IsZero() {
			continue
		}
		left, at := h.left(c, changes[n+1:])
		c.failed = c.failedByItself() || left
		switch {
		case !c.failed:
		case c.gaveBack():
			c.restored = c.ended
		case left:
			c.restored, c.lost = at, at.IsZero()
		}
	}
	for n, c := range changes {
		if c.failed && c.restored.IsZero() && !c.lost {
			c.restored = nextGood(changes[n+1:])
		}
	}
}

// failedByItself tells whether the deployment itself says that it went wrong after
// users had met it.
func (c *change) failedByItself() bool {
	return c.record.State == catalog.RollingBack || !c.ended.IsZero() && !c.succeeded()
}

// gaveBack tells whether, when it ended, its users had what they had before.
func (c *change) gaveBack() bool {
	switch c.record.State {
	case catalog.RolledBack:
		return true
	case catalog.Failed, catalog.Aborted, catalog.Superseded:
		return c.inPlace() && c.live.IsZero()
	}
	return false
}

// left tells whether users were taken off a change to get an earlier one back: by
// a flip that belongs to no deployment, or by a deployment that is a remedy. It
// tells when, or the zero time where only the traces of it are left. later are the
// changes after it.
func (h History) left(c *change, later []*change) (left bool, at time.Time) {
	reign, successor := reignOf(later)
	switch {
	case h.flippedOff(c, successor):
		return true, h.Flip.At
	case foundElsewhere(c, reign), successor == nil && h.pointsElsewhere(c, later):
		return true, time.Time{}
	case successor != nil && successor.remedy():
		return true, successor.live
	}
	return false, time.Time{}
}

// foundElsewhere tells whether a later deployment, as it began, found the alias
// moved off a change. The lock has deployments begin after the ones before.
func foundElsewhere(c *change, reign []*change) bool {
	for _, r := range reign {
		if found := r.record.Previous; !found.IsZero() && !found.Sends(c.record.Target) {
			return true
		}
	}
	return false
}

// reignOf are those changes that were begun while an earlier one was what users had,
// with the one that took its place, nil while none has. One that was rolled back
// left the earlier one in its place.
func reignOf(later []*change) (reign []*change, successor *change) {
	for n, c := range later {
		if !c.live.IsZero() && c.record.State != catalog.RolledBack {
			return later[:n+1], c
		}
	}
	return later, nil
}

// flippedOff tells whether the last flip took users off a change, and belongs to
// no deployment.
func (h History) flippedOff(c, successor *change) bool {
	f, target := h.Flip, c.record.Target
	return f.Deployment == "" && f.At.After(c.met) && (successor == nil || f.At.Before(successor.live)) &&
		f.From.Sends(target) && !f.To.Sends(target)
}

// pointsElsewhere tells whether the alias has been moved off the newest change
// with no flip recorded, as somebody with curl does. Where the flip that is
// recorded belongs to a deployment whose record is older than it, nothing is said.
func (h History) pointsElsewhere(c *change, later []*change) bool {
	if h.Flip.At.IsZero() || h.Alias.IsZero() || h.Alias.Sends(c.record.Target) {
		return false
	}
	if by := h.Flip.Deployment; by == "" || by == c.record.ID {
		return true
	}
	for _, l := range later {
		if l.record.ID == h.Flip.Deployment {
			return !l.ended.IsZero()
		}
	}
	return false
}

// nextGood is when the first of the changes was live that did well; zero when none
// did.
func nextGood(later []*change) time.Time {
	for _, c := range later {
		if c.succeeded() && !c.failed && !c.live.IsZero() {
			return c.live
		}
	}
	return time.Time{}
}
