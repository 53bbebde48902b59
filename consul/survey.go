package consul

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

const (
	// readers is how many services are read at once.
	readers = 4

	// perCheck lengthens the rest after an answer about checks with their number,
	// as reading them gets dearer for everybody: 1,000 that do not pass are read ten
	// times a second at most.
	perCheck = 100 * time.Microsecond

	// notPassing is the filter of the checks that do not pass. In most clusters, at
	// most times, it leaves next to nothing of a state that is megabytes.
	notPassing = "Status != passing"

	// anyCheck is where Consul tells all checks.
	anyCheck = "/v1/health/state/any"

	surveyed = "the services above the watch budget"
)

// errNoLeader is an answer of a server that may be cut off from the others.
var errNoLeader = errors.New("the server that answered knows no leader")

// survey follows all services by feeds that they share. The feed of checks that
// do not pass tells of changed health. The catalogue tells that something was
// registered; what it was, a census tells. Turns read every service now and then,
// whatever the feeds tell. Its fields are run's own, but for the backlog and
// the channels.
type survey struct {
	ctx     context.Context
	end     context.CancelFunc
	backlog *backlog

	ailing tally          // the checks that do not pass; nil until read
	census tally          // all checks; nil until read
	failed map[string]int // services that can't be read, and how often in a row

	stamps    map[string]stamp
	questions []uint64      // indexes at which something was registered, nobody knows yet what
	asked     []uint64      // those that the census under way is to answer
	wanted    chan struct{} // a census

	round   []string      // services whose turn comes in this round
	hurry   int           // how many turns come fast, since no census could answer
	doubts  []uint64      // the questions that they are to answer
	hurried chan struct{} // tells that there is a hurry
}

// beginSurvey starts following all services at once.
func (w *watch) beginSurvey() {
	ctx, end := context.WithCancel(w.ctx)
	s := &survey{
		ctx: ctx, end: end, backlog: newBacklog(), failed: map[string]int{},
		stamps: map[string]stamp{}, wanted: make(chan struct{}, 1), hurried: make(chan struct{}, 1),
	}
	w.survey = s
	w.followChecks(s)
	w.follow(func() { w.takeCensuses(s) })
	w.follow(func() { w.takeTurns(s) })
	for range readers {
		w.follow(func() { w.readServices(s) })
	}
}

func (w *watch) endSurvey() {
	w.survey.end()
	w.survey = nil
	for _, what := range []string{surveyed, string(FeedChecks), string(FeedCensus)} {
		delete(w.view.failing, what)
	}
}

// sendFor sends a change that has become nothing when the survey is over.
func (w *watch) sendFor(s *survey, c change) {
	w.send(func() (bool, bool) {
		if s.ctx.Err() != nil {
			return false, false
		}
		return c()
	})
}

// followChecks feeds which checks do not pass. Any server may answer: what it
// tells is only what to look at.
func (w *watch) followChecks(s *survey) {
	w.follow(func() {
		w.store.follow(s.ctx, settle, func(q *api.QueryOptions) (uint64, error) {
			var rows []checkRow
			q.Filter, q.AllowStale = notPassing, true
			meta, err := w.store.api.Raw().Query(anyCheck, &rows, q)
			if err == nil && !meta.KnownLeader {
				err = errNoLeader
			}
			if err != nil {
				return 0, err
			}
			found := byStatus(rows)
			w.sendFor(s, func() (bool, bool) {
				w.takeChecks(s, &s.ailing, found)
				return false, false
			})
			rest(s.ctx, time.Duration(len(rows))*perCheck)
			return meta.LastIndex, nil
		}, w.failed(s.ctx, FeedChecks, string(FeedChecks)))
	})
}

// takeChecks replaces what was known of checks and has the services read whose
// checks differ; all services when both feeds of checks have begun, as what
// changes from then on is noticed. It tells how many checks are gone of what is
// none of Teal's business.
func (w *watch) takeChecks(s *survey, known *tally, now tally) (foreign int) {
	before := *known
	*known = now
	if before == nil {
		if s.begun() {
			for name := range w.tracked {
				s.readSoon(name)
			}
		}
		return 0
	}
	for about, gone := range differences(before, now) {
		switch {
		case w.tracked[about.service]:
			s.readSoon(about.service)
		case about.service != "":
			foreign += gone
		default:
			for _, name := range w.view.on(about.node) {
				s.readSoon(name)
			}
		}
	}
	return foreign
}

// begun tells whether changes are noticed, so that reading a service is not for
// nothing.
func (s *survey) begun() bool { return s.ailing != nil && s.census != nil }

// readSoon has a service read, together with what comes shortly after.
func (s *survey) readSoon(service string) {
	if s.begun() {
		s.backlog.add(service, time.Now().Add(settle), false)
	}
}

// readServices reads what the backlog holds until the survey is over.
func (w *watch) readServices(s *survey) {
	for s.ctx.Err() == nil {
		j, ok := s.backlog.take(s.ctx)
		if !ok {
			return
		}
		err := w.readService(s, j)
		s.backlog.done(j.service)
		if err != nil {
			rest(s.ctx, minBackoff/2+rand.N(minBackoff))
		}
	}
}

// readService reads one service and hands it on.
func (w *watch) readService(s *survey, j job) error {
	q := (&api.QueryOptions{AllowStale: j.stale}).WithContext(s.ctx)
	entries, meta, err := w.store.api.Health().Service(j.service, "", false, q)
	if err == nil && !meta.KnownLeader {
		err = errNoLeader
	}
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	w.store.stats.read(FeedInstances, err)
	if err != nil {
		err = fmt.Errorf("service %s: %w", j.service, err)
		w.sendFor(s, func() (bool, bool) { return w.retry(s, j.service, err), false })
		return err
	}
	found, read := understand(entries), stampOf(entries, meta)
	w.sendFor(s, func() (bool, bool) {
		recovered := w.settleFailure(s, j.service)
		return w.takeService(s, j.service, found, read) || recovered || !w.started, false
	})
	return nil
}

// takeService takes in what was read of a service, and tells whether that
// changed anything. What is older than what is known was overtaken, unless
// another history has begun: another reading will tell.
func (w *watch) takeService(s *survey, name string, found reading[[]catalog.Instance], read stamp) bool {
	if !w.tracked[name] {
		return false
	}
	if read.index < s.stamps[name].index {
		delete(s.stamps, name)
		s.readSoon(name)
		return false
	}
	s.stamps[name] = read
	return w.view.setInstances(name, found)
}

// retry has a service read again that could not be, after a while that grows. It
// tells whether that is the first one to fail.
func (w *watch) retry(s *survey, service string, err error) bool {
	if !w.tracked[service] {
		return false
	}
	first := len(s.failed) == 0
	s.failed[service]++
	backoff := min(minBackoff<<min(s.failed[service], 10), maxBackoff)
	s.backlog.add(service, time.Now().Add(backoff/2+rand.N(backoff)), false)
	if first {
		w.tell(surveyed, err)
		w.mark(surveyed, true)
	}
	return first
}

// settleFailure notes that a service can be read, and tells whether it was the
// last one that could not.
func (w *watch) settleFailure(s *survey, service string) bool {
	if s.failed[service] == 0 {
		return false
	}
	delete(s.failed, service)
	if len(s.failed) > 0 {
		return false
	}
	w.tell(surveyed, nil)
	w.mark(surveyed, false)
	return true
}

// excuse forgets the failures and stamps of services that are Teal's business no
// longer. It tells whether those were the only failures.
func (w *watch) excuse() bool {
	s, ended := w.survey, false
	for name := range s.failed {
		if !w.tracked[name] {
			ended = w.settleFailure(s, name) || ended
		}
	}
	for name := range s.stamps {
		if !w.tracked[name] {
			delete(s.stamps, name)
		}
	}
	return ended
}
