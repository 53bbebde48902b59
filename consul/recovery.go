package consul

import (
	"context"
	"sync"
	"time"
)

// recovery lets those who wait before they try again know that somebody else's
// try has succeeded: the agent is back for all of them. The zero value is ready.
type recovery struct {
	mu   sync.Mutex
	back chan struct{} // closed when something can be read again; nil while nobody waits
}

// tell wakes up all who wait.
func (r *recovery) tell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.back != nil {
		close(r.back)
		r.back = nil
	}
}

func (r *recovery) news() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.back == nil {
		r.back = make(chan struct{})
	}
	return r.back
}

// wait returns after d, when ctx ends, or when somebody tells of a recovery.
func (r *recovery) wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-r.news():
	case <-t.C:
	}
}
