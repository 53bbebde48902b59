package consul

import (
	"context"
	"maps"
	"sync"
	"time"

	"teal/catalog"
)

const (
	// DefaultWatchBudget is how many services may have a query of their own unless
	// set otherwise, and the most that may: each takes one of the connections.
	DefaultWatchBudget = 16

	// DefaultHold is longer than it takes to notice that a Consul was wiped by
	// mistake.
	DefaultHold = time.Minute

	// settle gathers changes of the catalogue; changes of aliases and halts wait
	// for nothing.
	settle = 10 * time.Millisecond
)

// Watch calls apply with each new snapshot until ctx ends, from one goroutine.
// The first comes when everything has been read once; a part that can't be read
// keeps its last value and makes the snapshot stale. It answers nil when ctx
// ends, with every goroutine joined.
//
// As long as there are few services, each has a blocking query of its own. Above
// Options.WatchBudget common feeds tell which services to read again, so that
// the number of connections does not grow with that of services. Aliases and
// halts have connections that nothing else may take, and wait for nothing.
func (s *Store) Watch(ctx context.Context, apply func(catalog.Snapshot)) error {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{
		store: s, ctx: ctx, view: newView(s.keys), apply: apply,
		changes: make(chan change), members: map[string]context.CancelFunc{},
	}
	defer w.feeds.Wait()
	defer cancel()
	w.followAliases()
	w.followHalts()
	w.followFolder(FeedConfigs, s.keys.Services())
	w.followFolder(FeedReleases, s.keys.Releases())
	w.followFolder(FeedFlips, s.keys.Flips())
	w.followCatalogue()
	w.run()
	return nil
}

// watch is one Watch call. Feeds read; run alone changes the view, and all that
// follows here.
type watch struct {
	store   *Store
	ctx     context.Context
	view    *view
	apply   func(catalog.Snapshot)
	changes chan change
	feeds   sync.WaitGroup

	catalogue map[string][]string // service to tags; nil until read
	tracked   map[string]bool     // services that are Teal's business

	members map[string]context.CancelFunc // services with a feed of their own
	survey  *survey                       // instead of members; nil else

	started bool // the first snapshot is out
}

// change is what a feed has read, to be done by run. It answers whether a new
// snapshot is due, and whether it is urgent.
type change func() (due, urgent bool)

// run applies changes and hands on snapshots until ctx ends.
func (w *watch) run() {
	timer := time.NewTimer(0)
	<-timer.C
	pending := false
	for {
		select {
		case <-w.ctx.Done():
			return
		case c := <-w.changes:
			due, urgent := c()
			if due && !pending {
				pending = true
				timer.Reset(settle)
			}
			if !urgent {
				continue
			}
		case <-timer.C:
		}
		if pending && w.ready() {
			w.started = true
			w.store.stats.count(func(s *WatchStats) { s.Snapshots++ })
			w.apply(w.view.snapshot())
		}
		pending = false
	}
}

// ready tells whether all has been read once.
func (w *watch) ready() bool {
	if w.started {
		return true
	}
	const folders = 5
	if w.catalogue == nil || len(w.view.folders) < folders {
		return false
	}
	for name := range maps.Keys(w.tracked) {
		if w.view.unread(name) {
			return false
		}
	}
	return true
}

func (w *watch) send(c change) {
	select {
	case w.changes <- c:
	case <-w.ctx.Done():
	}
}

func (w *watch) follow(f func()) {
	w.feeds.Add(1)
	go func() {
		defer w.feeds.Done()
		f()
	}()
}

// failed counts what becomes of the reads of a feed, and tells the view, and once
// the log, that it can't read or can again. Failures of a feed that has ended are
// none.
func (w *watch) failed(ctx context.Context, feed Feed, what string) func(error) {
	was := false
	return func(err error) {
		w.store.stats.read(feed, err)
		if was == (err != nil) {
			return
		}
		was = err != nil
		w.tell(what, err)
		w.send(func() (bool, bool) {
			w.mark(what, err != nil && ctx.Err() == nil)
			return true, false
		})
	}
}

// tell says in the log that something can't be read, or can again.
func (w *watch) tell(what string, err error) {
	if err != nil {
		w.store.log.Warn("Consul can't be read; the last good view stays", "what", what, "error", w.store.explain(err, "read "+what))
		return
	}
	w.store.log.Info("Consul can be read again", "what", what)
}

// mark notes in the view whether something fails.
func (w *watch) mark(what string, failing bool) {
	if failing {
		w.view.failing[what] = time.Now()
	} else {
		delete(w.view.failing, what)
	}
}
