package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"teal/catalog"
	"teal/router/saved"
)

// DefaultRestoreAfter is how long a router that starts waits for Consul before it
// begins with the view that was saved.
const DefaultRestoreAfter = 3 * time.Second

// Restoring is a Source that begins with a saved view if the source inside says
// nothing for a while. What that one says later takes its place, and is compared
// with it: see Keep.
type Restoring struct {
	Source Source
	// Load answers the saved view, with Restored set; it is called once at most, and
	// not after the source inside has said something. See saved.File.
	Load   func() (catalog.Snapshot, error)
	After  time.Duration // 0 for DefaultRestoreAfter
	Logger hclog.Logger
}

// Watch implements Source.
func (r *Restoring) Watch(ctx context.Context, apply func(catalog.Snapshot)) error {
	var mu sync.Mutex // one apply at a time, and no Load beside one
	told := make(chan struct{})
	tell := sync.OnceFunc(func() { close(told) })
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	beside.Go(func() {
		if !r.silent(ctx, told) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		select {
		case <-told:
		default:
			r.restore(apply)
		}
	})
	return r.Source.Watch(ctx, func(s catalog.Snapshot) {
		mu.Lock()
		defer mu.Unlock()
		tell()
		apply(s)
	})
}

// silent waits, and tells whether nothing was told until then.
func (r *Restoring) silent(ctx context.Context, told <-chan struct{}) bool {
	after := r.After
	if after == 0 {
		after = DefaultRestoreAfter
	}
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-told:
		return false
	case <-timer.C:
		return true
	}
}

func (r *Restoring) restore(apply func(catalog.Snapshot)) {
	s, err := r.Load()
	switch {
	case errors.Is(err, saved.ErrNone):
		r.Logger.Info("Consul does not answer, and no routes were saved before; waiting", "saved", err)
		return
	case err != nil:
		r.Logger.Warn("Consul does not answer, and the saved routes can't be used; waiting", "error", err)
		return
	}
	r.Logger.Warn("Consul does not answer; beginning with the routes that were saved", "of", s.Restored, "services", s.Services.Len())
	s.StaleSince = s.Restored
	s.Problems = append(slices.Clip(s.Problems), catalog.Problem{
		Subject: "consul",
		Message: fmt.Sprintf("Consul has not answered since this router started; its routes are those of %s. See whether its Consul agent runs.", s.Restored.Format(time.RFC3339)),
	})
	apply(s)
}
