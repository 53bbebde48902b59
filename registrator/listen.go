package registrator

import (
	"context"
	"sync"
	"time"

	"teal/catalog"
)

// steady is how long a stream must have lasted for the next one to be asked for
// without a longer wait.
const steady = 10 * time.Second

// stream is something that tells what happens, until it breaks off.
type stream[T any] struct {
	name      string // for people
	subscribe func(context.Context) (<-chan T, error)
	each      func(T)
}

// listen follows all that tells of changes until ctx ends.
func (a *Agent) listen(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() {
		listenTo(ctx, a, stream[struct{}]{"the containers' events", a.conf.Runtime.Changes, func(struct{}) { a.hint() }})
	})
	if a.conf.Signals != nil {
		all.Go(func() {
			listenTo(ctx, a, stream[catalog.Signal]{"the containers' signals", a.conf.Signals.Signals, a.hear})
		})
	}
	if a.conf.Drains != nil {
		all.Go(func() {
			listenTo(ctx, a, stream[struct{}]{"the requests to drain", a.conf.Drains.Changes, func(struct{}) { a.urge() }})
		})
	}
	all.Wait()
}

// hear lets a container that was told to end be looked at at once.
func (a *Agent) hear(s catalog.Signal) {
	a.told.hear(s)
	a.urge()
}

// listenTo turns what a stream tells into hints until ctx ends. It subscribes for
// ever, and hints after each subscription, since what happened before it is
// unseen, and after each failure, so that the first look does not wait for the
// events.
func listenTo[T any](ctx context.Context, a *Agent, s stream[T]) {
	var failures backoff
	lost := false
	for ctx.Err() == nil {
		began := a.conf.Now()
		err := follow(ctx, a, s, func() {
			if lost {
				a.conf.Logger.Info("following " + s.name + " again")
			}
			lost = false
		})
		if ctx.Err() != nil {
			return
		}
		if !lost {
			a.conf.Logger.Warn(s.name+" are not told any more; looking at intervals until they are", "error", err)
		}
		lost = true
		if a.conf.Now().Sub(began) >= steady {
			failures.reset()
		}
		sleep(ctx, failures.next())
	}
}

// follow subscribes once and hints until the stream ends.
func follow[T any](ctx context.Context, a *Agent, s stream[T], subscribed func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deadline := time.AfterFunc(a.conf.Timeout, cancel)
	told, err := s.subscribe(ctx)
	if err != nil {
		a.hint()
		return err
	}
	if !deadline.Stop() {
		drain(told)
		a.hint()
		return context.DeadlineExceeded
	}
	subscribed()
	a.hint()
	for t := range told {
		s.each(t)
	}
	return nil
}

// drain waits until a stream whose context has ended is closed.
func drain[T any](told <-chan T) {
	for range told {
	}
}

// hint asks for a look when it is quiet.
func (a *Agent) hint() { poke(a.hints) }

// urge asks for a look at once.
func (a *Agent) urge() { poke(a.urgent) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
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
