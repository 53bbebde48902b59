package fleet

import (
	"context"
	"time"
)

// firstPause is short, as most waits are over at the second look.
const firstPause = 5 * time.Millisecond

// Pacer answers a pause for waits that are usually over at once: it begins with
// firstPause, and grows to most. The pause answers why ctx ended, if it did.
func Pacer(most time.Duration) func(context.Context) error {
	next := min(firstPause, most)
	return func(ctx context.Context) error {
		timer := time.NewTimer(next)
		defer timer.Stop()
		next = min(2*next, most)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			return nil
		}
	}
}
