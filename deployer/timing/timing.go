// Package timing waits, and bounds what takes time, for all rooms of the deployer.
package timing

import (
	"context"
	"time"
)

// Limits that several rooms keep to.
const (
	// Cleanup bounds putting things back after a failure, beyond what containers may
	// take to end.
	Cleanup = 2 * time.Minute
	// LastOutput is how long the last output of a container that has ended may take.
	LastOutput = 2 * time.Second
)

// Sleep waits for a time; the error is why ctx ended before.
func Sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Bounded is a context that outlives ctx's cancelling, for what has to be done
// even so, and ends after timeout.
func Bounded(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), timeout)
}
