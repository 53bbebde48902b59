package consul

import (
	"maps"
	"slices"
	"time"
)

const (
	// roundTime is how long it takes to read every service once where nothing
	// tells that it changed: the last resort against whatever was missed.
	roundTime = time.Minute

	// minTurn is the least time between two turns: no more than 100 services are
	// read a second, however many there are and whatever the hurry.
	minTurn = 10 * time.Millisecond
)

// takeTurns has every service read in its turn.
func (w *watch) takeTurns(s *survey) {
	pause := make(chan time.Duration, 1)
	for {
		w.sendFor(s, func() (bool, bool) {
			pause <- w.turn(s)
			return false, false
		})
		select {
		case <-s.ctx.Done():
			return
		case d := <-pause:
			s.await(d)
		}
	}
}

// await waits for the next turn, or until there is a hurry.
func (s *survey) await(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.ctx.Done():
	case <-s.hurried:
	case <-t.C:
	}
}

// rush has every service read soon, as some of them may be what the open
// questions are about.
func (s *survey) rush(open []uint64, services int) {
	s.doubts, s.hurry = append(s.doubts, open...), services
	select {
	case s.hurried <- struct{}{}:
	default: // the turns know already
	}
}

// turn has the next service read, and answers when it is the turn of another.
func (w *watch) turn(s *survey) time.Duration {
	if !s.begun() || len(w.tracked) == 0 {
		return roundTime / 60
	}
	if len(s.round) == 0 {
		s.round = slices.Sorted(maps.Keys(w.tracked))
	}
	name := s.round[0]
	s.round = s.round[1:]
	if s.doubts = s.unexplained(s.doubts); len(s.doubts) == 0 {
		s.hurry = 0
	}
	if s.hurry > 0 {
		if s.hurry--; s.hurry == 0 {
			s.doubts = nil
		}
		s.backlog.add(name, time.Now(), false)
		return minTurn
	}
	if w.tracked[name] {
		s.backlog.add(name, time.Now(), true)
	}
	return max(minTurn, roundTime/time.Duration(len(w.tracked)))
}
