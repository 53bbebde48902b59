package consul

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	// maxWait is how long Consul may hold a blocking query; it adds up to a
	// sixteenth of it as jitter.
	maxWait = 60 * time.Second

	// deadline ends a blocking query that Consul itself has forgotten.
	deadline = maxWait + maxWait/16 + 10*time.Second

	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// read asks Consul once, blocking as q says, and passes on what it was told. It
// answers the index to wait for next.
type read func(q *api.QueryOptions) (index uint64, err error)

// follow keeps asking until ctx ends. quiet is how long it rests after each
// answer, so that a storm of changes is read in few steps. failed is told of
// each error, and of nil once it is over. After an error it waits for a growing
// time, or until another one that failed can read again.
func (s *Store) follow(ctx context.Context, quiet time.Duration, r read, failed func(error)) {
	var index uint64
	backoff := minBackoff
	for ctx.Err() == nil {
		asked := time.Now()
		next, err := r(blocking(ctx, index))
		if ctx.Err() != nil {
			return
		}
		failed(err)
		if err != nil {
			s.recovery.wait(ctx, backoff/2+rand.N(backoff))
			backoff = min(2*backoff, maxBackoff)
			index = 0 // the agent may come back with another history
			continue
		}
		if backoff > minBackoff {
			s.recovery.tell()
		}
		backoff = minBackoff
		if next == index && time.Since(asked) < maxWait/2 {
			// An agent that ends lets its queries go with nothing new. One that begins
			// again while we rest may count from another beginning, and would let us
			// wait for an index that it reaches much later.
			next = 0
		}
		index = nextIndex(index, next)
		rest(ctx, quiet)
	}
}

// blocking are the options of a query that waits until index has passed.
func blocking(ctx context.Context, index uint64) *api.QueryOptions {
	return (&api.QueryOptions{WaitIndex: index, WaitTime: maxWait}).WithContext(ctx)
}

// nextIndex is the index to wait for, given the last and what came back. An
// index that went backwards belongs to another history: begin again. An index
// of 0 would not block.
func nextIndex(last, next uint64) uint64 {
	if next < last {
		return 0
	}
	return max(next, 1)
}

func rest(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
