package router

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// errSilent ends a connection on which nothing was sent for too long.
var errSilent = errors.New("nothing was sent for too long")

// silence watches how long nothing comes either way. A copy that the kernel does
// can't be watched, so each is interrupted now and then, and says whether
// something has come since.
type silence struct {
	limit time.Duration

	mu   sync.Mutex
	seen [ways]span // the last time without a byte, of each way
}

// span is a time from its beginning to its end.
type span struct{ begin, end time.Time }

// interruptions is how often a copy is interrupted within the limit.
const interruptions = 4

func newSilence(limit time.Duration) *silence { return &silence{limit: limit} }

// copy is io.Copy, ending with errSilent.
func (s *silence) copy(w way, to, from net.Conn) error {
	for {
		begin := time.Now()
		if err := from.SetReadDeadline(begin.Add(s.limit / interruptions)); err != nil {
			return err
		}
		n, err := io.Copy(to, from)
		switch {
		case err == nil:
			s.ended(w)
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case s.note(w, span{begin, time.Now()}, n > 0):
			return errSilent
		}
	}
}

// ended notes that nothing will come one way any more.
func (s *silence) ended(w way) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.seen[w] = span{now, now.Add(100 * 365 * 24 * time.Hour)}
}

// note takes in what happened one way, and tells whether both have been silent
// for too long at the same time.
func (s *silence) note(w way, now span, active bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if active || s.seen[w].begin.IsZero() {
		s.seen[w] = span{now.end, now.end}
		if !active {
			s.seen[w].begin = now.begin
		}
		return false
	}
	s.seen[w].end = now.end
	return s.both() >= s.limit
}

// both is for how long both ways have been silent at the same time.
func (s *silence) both() time.Duration {
	a, b := s.seen[up], s.seen[down]
	begin, end := a.begin, a.end
	if b.begin.After(begin) {
		begin = b.begin
	}
	if b.end.Before(end) {
		end = b.end
	}
	return end.Sub(begin)
}
