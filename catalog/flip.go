package catalog

import (
	"errors"
	"time"
)

// Flip is a wish to change what an alias points at. It happens whole or not at
// all.
type Flip struct {
	Service string
	Alias   string
	From    Alias // as it was read; the flip fails if it has changed since
	To      AliasValue
	By      string // user@host, or what asked
	At      time.Time

	// LockSession is the session that must still hold the lock of Environment;
	// empty for a flip that needs no lock.
	LockSession string
	Environment string

	// Guards are the instances that must still be passing when the flip commits.
	Guards []Instance

	// Records written in the same transaction; nil or empty writes none. A release
	// that has an Index must not have changed since it was read.
	Deployment *Deployment
	Releases   map[Target]Release
}

// ReleasesAfter is how the release records stand after an environment's own
// alias has moved: what gets requests is ready, what got them is standby. The
// records of what gets requests are there even if they stay the same, so that a
// flip that writes them fails when a deployment has begun to replace one.
func (s *Service) ReleasesAfter(alias string, from, to AliasValue) map[Target]Release {
	after := map[Target]Release{}
	set := func(t Target, state ReleaseState) {
		r, ok := s.Releases[t]
		if ok && t.Environment == alias {
			r.State = state
		}
		if ok {
			after[t] = r
		}
	}
	for _, t := range from.Live() {
		if !to.Sends(t) {
			set(t, Standby)
		}
	}
	for _, t := range to.Live() {
		set(t, Ready)
	}
	return after
}

// Record is what the flip leaves in teal/flips.
func (f Flip) Record() FlipRecord {
	r := FlipRecord{From: f.From.Value, To: f.To, By: f.By, At: f.At.UTC()}
	if f.Deployment != nil {
		r.Deployment = f.Deployment.ID
	}
	return r
}

// The reasons a flip is refused. They are wrapped in an error that says which
// alias and why; compare with errors.Is.
var (
	// ErrMoved: the alias is not what it was when it was read.
	ErrMoved = errors.New("the alias has moved")
	// ErrLockLost: the deployment lock is no longer held.
	ErrLockLost = errors.New("the deployment lock is lost")
	// ErrUnhealthy: an instance that should take the requests is not passing.
	ErrUnhealthy = errors.New("an instance is not healthy")
	// ErrLocked: somebody else holds the deployment lock.
	ErrLocked = errors.New("the deployment lock is held")
	// ErrTooManyChecks: more nodes than one Consul transaction can vouch for.
	ErrTooManyChecks = errors.New("too many nodes for one transaction")
)
