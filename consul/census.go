package consul

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	// censusAfter is how long the cheaper feeds may take to tell what was
	// registered, before all checks are read to find out.
	censusAfter = 250 * time.Millisecond

	// censusShare bounds the part of the time that is spent on taking censuses.
	censusShare = 10
)

// takeCensuses reads all checks at first, and whenever something was registered
// that no other reading explains.
func (w *watch) takeCensuses(s *survey) {
	failed := w.failed(s.ctx, FeedCensus, string(FeedCensus))
	for backoff := minBackoff; s.ctx.Err() == nil; {
		began := time.Now()
		err := w.takeCensus(s)
		if s.ctx.Err() != nil {
			return
		}
		failed(err)
		if err != nil {
			rest(s.ctx, backoff/2+rand.N(backoff))
			backoff = min(2*backoff, maxBackoff)
			continue
		}
		backoff = minBackoff
		rest(s.ctx, (censusShare-1)*time.Since(began))
		for w.awaitQuestion(s.ctx, s) && !w.stillOpen(s) {
		}
	}
}

// awaitQuestion waits until somebody has asked and the cheaper feeds have had
// their time. It answers false when the survey is over.
func (w *watch) awaitQuestion(ctx context.Context, s *survey) bool {
	select {
	case <-ctx.Done():
		return false
	case <-s.wanted:
	}
	rest(ctx, censusAfter)
	return ctx.Err() == nil
}

// stillOpen tells whether some question is, and hands those to the next census. A
// later question may be about what that census is too early for.
func (w *watch) stillOpen(s *survey) bool {
	still := make(chan bool, 1)
	w.sendFor(s, func() (bool, bool) {
		s.asked, s.questions = s.unexplained(s.questions), nil
		still <- len(s.asked) > 0
		return false, false
	})
	select {
	case <-s.ctx.Done():
		return false
	case is := <-still:
		return is
	}
}

// takeCensus reads all checks once.
func (w *watch) takeCensus(s *survey) error {
	var rows []checkRow
	_, err := w.store.api.Raw().Query(anyCheck, &rows, (&api.QueryOptions{}).WithContext(s.ctx))
	if err != nil {
		return err
	}
	found, written := byIndex(rows), map[uint64]bool{}
	for _, r := range rows {
		written[r.ModifyIndex] = true
	}
	w.sendFor(s, func() (bool, bool) {
		foreign := w.takeChecks(s, &s.census, found)
		w.conclude(s, written, foreign)
		return false, false
	})
	return nil
}

// conclude closes the questions that a census answers. What was registered with
// a check has written that at the same index. Checks that are gone tell no index:
// those of a service that Teal follows will be explained by its reading, each
// other explains one question. Whatever is left, an instance without checks, say,
// or only a change of meta, turns through all services will find.
func (w *watch) conclude(s *survey, written map[uint64]bool, foreign int) {
	open := s.unexplained(s.asked)
	s.asked = nil
	open = slices.DeleteFunc(open, func(index uint64) bool { return written[index] })
	open = open[min(foreign, len(open)):]
	if len(open) == 0 {
		return
	}
	s.rush(open, len(w.tracked))
	w.store.stats.count(func(s *WatchStats) { s.Sweeps++ })
}

// ask notes that something was registered or deregistered at an index.
func (s *survey) ask(index uint64) {
	s.questions = append(s.questions, index)
	select {
	case s.wanted <- struct{}{}:
	default: // a census is wanted already
	}
}

// unexplained are the questions that no reading of a service has answered: one
// that was changed by the write at that index.
func (s *survey) unexplained(questions []uint64) []uint64 {
	if len(questions) == 0 {
		return nil
	}
	explained := map[uint64]bool{}
	for _, read := range s.stamps {
		explained[read.index], explained[read.newest] = true, true
	}
	return slices.DeleteFunc(questions, func(index uint64) bool { return explained[index] })
}
