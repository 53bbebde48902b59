package limit

import (
	"container/list"
	"context"
	"errors"
	"time"
)

// How a wait ends in vain, beside the end of its context.
var (
	ErrFull   = errors.New("as many requests wait already as may")
	ErrWaited = errors.New("the request has waited as long as it may")
)

// line is a queue of those who wait, first come first served. Its owner's mutex
// guards it.
type line struct {
	waiting list.List // of chan struct{}, closed when it is the waiter's turn
}

// join takes the last place.
func (l *line) join() *list.Element { return l.waiting.PushBack(make(chan struct{})) }

// next makes it the first one's turn.
func (l *line) next() {
	if first := l.waiting.Front(); first != nil {
		close(l.waiting.Remove(first).(chan struct{}))
	}
}

// leave gives a place up. It answers false if it was the waiter's turn already.
func (l *line) leave(place *list.Element) bool {
	select {
	case <-place.Value.(chan struct{}):
		return false
	default:
		l.waiting.Remove(place)
		return true
	}
}

func (l *line) len() int { return l.waiting.Len() }

// await waits for the turn of a place, at most for so long.
func await(ctx context.Context, place *list.Element, most time.Duration) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-place.Value.(chan struct{}):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ErrWaited
	}
}
