package consul

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

const (
	// DefaultWatchBudget leaves most of an agent's connections to others.
	DefaultWatchBudget = 40

	// DefaultHold is longer than it takes to notice that a Consul was wiped by
	// mistake.
	DefaultHold = time.Minute

	// pollEvery is how often the services above the budget are asked about.
	pollEvery = 2 * time.Second

	// settle gathers changes of the catalogue; changes of aliases wait for nothing.
	settle = 10 * time.Millisecond

	// folderQuiet is the rest after a change of a folder that nobody waits for. A
	// query on an empty folder wakes for every write anywhere.
	folderQuiet = 100 * time.Millisecond

	// aliasQuiet bounds what a storm of writes costs, and so what a flip waits
	// behind one.
	aliasQuiet = 5 * time.Millisecond
)

// Watch calls apply with each new snapshot until ctx ends, from one goroutine.
// The first comes when everything has been read once; a part that can't be read
// keeps its last value and makes the snapshot stale. It answers nil when ctx
// ends, with every goroutine joined.
func (s *Store) Watch(ctx context.Context, apply func(catalog.Snapshot)) error {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{
		store: s, ctx: ctx, view: newView(s.keys), apply: apply,
		changes: make(chan change), pollNow: make(chan struct{}, 1), members: map[string]context.CancelFunc{},
	}
	defer w.feeds.Wait()
	defer cancel()
	w.followAliases()
	for _, folder := range []string{s.keys.Services(), s.keys.Releases(), s.keys.Flips(), s.keys.Halts()} {
		w.followFolder(folder)
	}
	w.followCatalogue()
	w.follow(w.poll)
	w.run()
	return nil
}

// watch is one Watch call. Feeds read; run alone changes the view.
type watch struct {
	store   *Store
	ctx     context.Context
	view    *view
	apply   func(catalog.Snapshot)
	changes chan change
	pollNow chan struct{} // there are new services to ask about in turns
	feeds   sync.WaitGroup

	catalogue map[string][]string           // service to tags; nil until read
	members   map[string]context.CancelFunc // services with a feed of their own
	polled    []string                      // services above the budget
	started   bool                          // the first snapshot is out
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
	for name := range w.members {
		if w.unread(name) {
			return false
		}
	}
	return !slices.ContainsFunc(w.polled, w.unread)
}

// unread tells whether a service has not been asked about yet.
func (w *watch) unread(name string) bool {
	_, read := w.view.instances[name]
	return !read
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

// followFolder feeds one folder of keys.
func (w *watch) followFolder(folder string) {
	w.follow(func() {
		w.store.follow(w.ctx, folderQuiet, func(q *api.QueryOptions) (uint64, error) {
			pairs, meta, err := w.store.api.KV().List(folder, q)
			if err != nil {
				return 0, err
			}
			w.send(func() (bool, bool) { return w.takeFolder(folder, pairs, meta.LastIndex), false })
			return meta.LastIndex, nil
		}, w.failed(w.ctx, folder))
	})
}

// followAliases feeds the aliases, which wait for nothing. The services whose
// aliases moved are read once more first: an alias must not arrive before the
// instances that it now points at.
func (w *watch) followAliases() {
	folder := w.store.keys.Aliases()
	var last api.KVPairs
	begun := false
	w.follow(func() {
		w.store.follow(w.ctx, aliasQuiet, func(q *api.QueryOptions) (uint64, error) {
			pairs, meta, err := w.store.api.KV().List(folder, q)
			if err != nil {
				return 0, err
			}
			var fresh map[string][]*api.ServiceEntry
			if begun {
				fresh = w.store.readMoved(w.ctx, moved(w.store.keys, last, pairs))
			}
			last, begun = pairs, true
			w.send(func() (bool, bool) {
				for name, entries := range fresh {
					if _, there := w.catalogue[name]; there {
						w.view.setInstances(name, entries)
					}
				}
				changed := w.takeFolder(folder, pairs, meta.LastIndex)
				return changed, changed
			})
			return meta.LastIndex, nil
		}, w.failed(w.ctx, folder))
	})
}

// takeFolder takes in what was read of a folder, and tells whether that changed
// anything. A folder that is empty all of a sudden is not believed yet.
func (w *watch) takeFolder(folder string, pairs api.KVPairs, index uint64) bool {
	if len(pairs) == 0 && w.view.had(folder) {
		since := time.Now()
		if !w.view.suspect(folder, since) {
			return false
		}
		w.store.log.Warn("all keys of a folder are gone at once; what they said is kept for now", "folder", folder, "hold", w.store.hold)
		w.follow(func() { w.believe(folder, since) })
		return true
	}
	if !w.view.setFolder(folder, pairs, index) {
		return false
	}
	w.recruit()
	return true
}

// believe takes an emptied folder for empty when the hold is over and nothing
// has come back.
func (w *watch) believe(folder string, since time.Time) {
	rest(w.ctx, w.store.hold)
	w.send(func() (bool, bool) {
		if w.view.emptied[folder] != since {
			return false, false
		}
		w.store.log.Warn("a folder's keys have not come back and are forgotten", "folder", folder)
		changed := w.view.setFolder(folder, nil, 0)
		w.recruit()
		return changed, false
	})
}

// followCatalogue feeds which services there are.
func (w *watch) followCatalogue() {
	w.follow(func() {
		w.store.follow(w.ctx, settle, func(q *api.QueryOptions) (uint64, error) {
			services, meta, err := w.store.api.Catalog().Services(q)
			if err != nil {
				return 0, err
			}
			w.send(func() (bool, bool) {
				w.catalogue = services
				return w.recruit(), false
			})
			return meta.LastIndex, nil
		}, w.failed(w.ctx, "the catalogue"))
	})
}

// recruit starts and ends the feeds of services, so that each service that is
// Teal's business has one or is asked about in turns. It tells whether a service
// went.
func (w *watch) recruit() bool {
	if w.catalogue == nil {
		return false
	}
	mentioned := w.view.mentioned()
	w.polled = nil
	for _, name := range slices.Sorted(maps.Keys(w.catalogue)) {
		_, member := w.members[name]
		switch {
		case member || (!mentioned[name] && !catalog.Concerns(w.catalogue[name])):
		case len(w.members) < w.store.watchBudget:
			w.enlist(name)
		default:
			w.polled = append(w.polled, name)
		}
	}
	if slices.ContainsFunc(w.polled, w.unread) {
		select {
		case w.pollNow <- struct{}{}:
		default:
		}
	}
	return w.forget() || !w.started
}

// forget drops the services that are no longer in the catalogue.
func (w *watch) forget() bool {
	gone := false
	for name := range w.view.instances {
		if _, there := w.catalogue[name]; there {
			continue
		}
		if cancel, member := w.members[name]; member {
			cancel()
			delete(w.members, name)
			delete(w.view.failing, feedOf(name))
		}
		gone = w.view.dropService(name) || gone
	}
	return gone
}

func feedOf(service string) string { return "service " + service }

func (w *watch) enlist(name string) {
	ctx, cancel := context.WithCancel(w.ctx)
	w.members[name] = cancel
	w.follow(func() {
		w.store.follow(ctx, settle, func(q *api.QueryOptions) (uint64, error) {
			return w.readService(ctx, name, q)
		}, w.failed(ctx, feedOf(name)))
	})
}

func (w *watch) readService(ctx context.Context, name string, q *api.QueryOptions) (uint64, error) {
	entries, meta, err := w.store.api.Health().Service(name, "", false, q)
	if err != nil {
		return 0, err
	}
	w.send(func() (bool, bool) {
		if ctx.Err() != nil {
			return false, false // dismissed while it was asking
		}
		return w.view.setInstances(name, entries) || !w.started, false
	})
	return meta.LastIndex, nil
}

// failed tells the view, and once the log, that a feed can't read or can again.
// Failures of a feed that has ended are none.
func (w *watch) failed(ctx context.Context, what string) func(error) {
	was := false
	return func(err error) {
		if was == (err != nil) {
			return
		}
		was = err != nil
		if was {
			w.store.log.Warn("Consul can't be read; the last good view stays", "what", what, "error", w.store.explain(err, "read "+what))
		} else {
			w.store.log.Info("Consul can be read again", "what", what)
		}
		w.send(func() (bool, bool) {
			if err != nil && ctx.Err() == nil {
				w.view.failing[what] = time.Now()
			} else {
				delete(w.view.failing, what)
			}
			return true, false
		})
	}
}
