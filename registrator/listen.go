package registrator

import (
	"context"
	"time"
)

// steady is how long a stream must have lasted for the next one to be asked for
// without a longer wait.
const steady = 10 * time.Second

// listen turns the runtime's changes into hints until ctx ends. It subscribes
// for ever, and hints after each subscription, since what happened before it is
// unseen, and after each failure, so that the first look does not wait for the
// events.
func (a *Agent) listen(ctx context.Context) {
	var failures backoff
	lost := false
	for ctx.Err() == nil {
		began := a.conf.Now()
		err := a.follow(ctx, func() {
			if lost {
				a.conf.Logger.Info("following the containers' events again")
			}
			lost = false
		})
		if ctx.Err() != nil {
			return
		}
		if !lost {
			a.conf.Logger.Warn("the containers' events have ended; looking at intervals until they are back", "error", err)
		}
		lost = true
		if a.conf.Now().Sub(began) >= steady {
			failures.reset()
		}
		sleep(ctx, failures.next())
	}
}

// follow subscribes once and hints until the stream ends.
func (a *Agent) follow(ctx context.Context, subscribed func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deadline := time.AfterFunc(a.conf.Timeout, cancel)
	changes, err := a.conf.Runtime.Changes(ctx)
	if err != nil {
		a.hint()
		return err
	}
	if !deadline.Stop() {
		drain(changes)
		a.hint()
		return context.DeadlineExceeded
	}
	subscribed()
	a.hint()
	for range changes {
		a.hint()
	}
	return nil
}

// drain waits until a stream whose context has ended is closed.
func drain(changes <-chan struct{}) {
	for range changes {
	}
}

func (a *Agent) hint() {
	select {
	case a.hints <- struct{}{}:
	default: // one is waiting already
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
