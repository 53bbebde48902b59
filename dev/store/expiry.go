package store

import (
	"context"
	"time"
)

// reapInterval is how often services that stay critical are looked for.
const reapInterval = 30 * time.Second

// expireLoop ends sessions when their time is over and removes services that
// stay critical, until ctx ends.
func (s *Store) expireLoop(ctx context.Context) {
	reap := time.NewTicker(reapInterval)
	defer reap.Stop()
	for {
		s.expireSessions()
		timer := time.NewTimer(s.untilDeadline())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-s.sessionsMoved:
		case <-reap.C:
			s.reap()
		}
		timer.Stop()
	}
}

// untilDeadline is how long no session can expire.
func (s *Store) untilDeadline() time.Duration {
	s.mu.RLock()
	defer s.mu.RUnlock()
	next := s.state.nextDeadline()
	if next.IsZero() {
		return reapInterval
	}
	return max(next.Sub(s.now()), time.Millisecond)
}

func (s *Store) expireSessions() {
	_ = s.update(func(w *write) error {
		for _, id := range w.expireSessions() {
			s.logger.Info("session expired", "session", id)
		}
		return nil
	})
}

func (s *Store) reap() {
	_ = s.update(func(w *write) error {
		for _, id := range s.reapCritical(w) {
			s.logger.Info("service removed, it stayed critical for too long", "service", id)
		}
		return nil
	})
}

// moveDeadlines makes the expiry loop look at the sessions again.
func (s *Store) moveDeadlines() {
	select {
	case s.sessionsMoved <- struct{}{}:
	default:
	}
}
