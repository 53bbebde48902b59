package limit

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// How those who wait at a gate go once it opens: the first few at once, and
// twice as many every moment after. A thousand have gone after six moments, and
// what they were held back from, such as a database that has just been migrated,
// is not met by all of them at the same time.
const (
	firstBatch = 16
	batchPause = time.Millisecond
)

// Gate holds requests while something is paused. The zero value is open. Its
// methods may be called from any goroutine.
type Gate struct {
	held atomic.Bool // somebody may have to wait: it is shut, or some still go

	mu    sync.Mutex // guards what follows, and changes of held
	shut  bool
	queue int
	batch int // how many go next; 0 while none do
	line  line
	timer *time.Timer // runs while batch is not 0
}

// Shut holds requests from now on, at most queue of them. A gate that is shut
// already only gets the new bound.
func (g *Gate) Shut(queue int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.queue, g.batch = true, queue, 0
	g.held.Store(true)
	if g.timer != nil {
		g.timer.Stop()
	}
}

// Open lets those who wait go in their order, in growing batches within a few
// milliseconds, and then everybody. Whoever comes meanwhile queues behind them.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		return
	}
	g.shut, g.batch = false, firstBatch
	g.letGo()
}

// letGo lets a batch go. It is called with the lock held.
func (g *Gate) letGo() {
	for range g.batch {
		g.line.next()
	}
	if g.line.len() == 0 {
		g.batch = 0
		g.held.Store(false)
		return
	}
	g.batch *= 2
	g.timer = time.AfterFunc(batchPause, g.letMoreGo)
}

func (g *Gate) letMoreGo() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.batch > 0 { // it may have been shut again
		g.letGo()
	}
}

// Wait returns nil once the gate is open, at once if it is; else ErrFull,
// ErrWaited after so long, or the context's error.
func (g *Gate) Wait(ctx context.Context, most time.Duration) error {
	if !g.held.Load() {
		return nil
	}
	place, err := g.join()
	if place == nil {
		return err
	}
	if err = await(ctx, place, most); err == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.line.leave(place) {
		return nil // its turn came at the last moment
	}
	return err
}

// join takes a place in the line. There is none, and no error, if the gate has
// opened.
func (g *Gate) join() (*list.Element, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.held.Load():
		return nil, nil
	case g.shut && g.line.len() >= g.queue:
		return nil, ErrFull
	}
	return g.line.join(), nil
}

// Waiting is how many requests wait.
func (g *Gate) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.line.len()
}
