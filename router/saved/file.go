// Package saved keeps the latest snapshot in a file, so that a router that
// starts while Consul can't be read has routes all the same.
package saved

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"teal/catalog"
	"teal/catalog/cow"
)

// DefaultEvery is how much time lies between two writes at least. A change that
// comes later than that after the last one is written at once: a router that is
// killed after a flip must not begin again with what was before.
const DefaultEvery = time.Second

const (
	// restFactor keeps the cost of writing large views to a part of a core.
	restFactor = 20

	// lookEvery is how often it is looked whether there is something to write that
	// nobody told of: a view that gets old, or a write that failed.
	lookEvery = 10 * time.Second
)

// File is the file that a snapshot is saved in. The fields are set before the
// first call. It can be read by its owner alone: service configurations may hold
// what others should not see.
type File struct {
	Path   string        // its folder must exist
	Every  time.Duration // the least time between two writes; 0 is DefaultEvery
	MaxAge time.Duration // an older view is not restored; 0 for any age
	Now    func() time.Time
	Logger hclog.Logger

	latest atomic.Pointer[catalog.Snapshot]
	once   sync.Once
	told   chan struct{} // made by news
}

// news tells that there is a snapshot to look at.
func (f *File) news() chan struct{} {
	f.once.Do(func() { f.told = make(chan struct{}, 1) })
	return f.told
}

// Keep hands in a snapshot to be saved, and returns at once; Run saves it. The
// latest one counts. What was itself restored is not saved again, which would
// make it look newer than it is. It may be called from any goroutine.
func (f *File) Keep(s catalog.Snapshot) {
	if !s.Restored.IsZero() {
		return
	}
	f.latest.Store(&s)
	select {
	case f.news() <- struct{}{}:
	default:
	}
}

// refreshes is how often, within MaxAge, a view is saved that has not changed.
const refreshes = 4

// due tells whether the latest snapshot is worth a write after that of another,
// whose view was true at a time.
func (f *File) due(latest, written catalog.Snapshot, at time.Time) bool {
	age := trueAt(latest, f.Now()).Sub(at)
	return f.MaxAge > 0 && age >= f.MaxAge/refreshes ||
		differ(latest.Services, written.Services) || !slices.Equal(latest.Problems, written.Problems)
}

// trueAt is when the view of a snapshot was true, last.
func trueAt(s catalog.Snapshot, now time.Time) time.Time {
	if !s.StaleSince.IsZero() {
		return s.StaleSince
	}
	return now
}

func differ(a, b cow.Map[*catalog.Service]) bool {
	for range cow.Differences(a, b) {
		return true
	}
	return false
}
