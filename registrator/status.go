package registrator

import (
	"slices"
	"time"

	"teal/catalog"
)

// Status is how the registrator is doing.
type Status struct {
	// LastGood is when the registrations were last seen, or made, to be like the
	// containers; zero for never.
	LastGood time.Time
	// Registered is how many instances there should be, as last seen.
	Registered int
	// Problems are the containers that are not registered, or not whole, and why,
	// as last seen.
	Problems []catalog.Problem
	// Err is why the last look, or a write after it, failed; nil when it did not.
	Err error
}

// Status may be called from any goroutine; the answer is the caller's.
func (a *Agent) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.status
	s.Problems = slices.Clone(s.Problems)
	return s
}

// record keeps what a look has found and logs what is new about it.
func (a *Agent) record(found outcome, err error) {
	a.meters.looked(err)
	a.mu.Lock()
	before := a.status.Err
	a.status.Err = err
	if found.seen {
		a.status.Registered, a.status.Problems = found.registered, found.problems
	}
	if err == nil {
		a.status.LastGood = a.conf.Now()
	}
	a.mu.Unlock()

	switch {
	case err != nil && (before == nil || before.Error() != err.Error()):
		a.conf.Logger.Warn("the registrations could not be brought up to date; trying again", "error", err)
	case err == nil && before != nil:
		a.conf.Logger.Info("the registrations are up to date again")
	}
	if found.seen {
		a.logProblems(found.problems)
	}
}

// logProblems logs each problem when it appears and when it is gone.
func (a *Agent) logProblems(problems []catalog.Problem) {
	now := make(map[string]bool, len(problems))
	for _, p := range problems {
		text := p.String()
		if !a.reported[text] {
			a.conf.Logger.Warn("a container is not registered as it asks", "problem", text)
		}
		now[text] = true
	}
	for text := range a.reported {
		if !now[text] {
			a.conf.Logger.Info("a problem is gone", "problem", text)
		}
	}
	a.reported = now
}
