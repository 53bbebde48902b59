package consul

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

const (
	// watchBudget is how many services get a blocking query, and so a connection,
	// of their own. An agent answers 200 connections at most; the rest of the
	// services are asked about in turns.
	watchBudget = 100

	// pollEvery is how often the services above the budget are asked about.
	pollEvery = 2 * time.Second

	// settle gathers changes of the catalogue; changes of aliases wait for nothing.
	settle = 10 * time.Millisecond
)

// Watch calls apply with each new snapshot until ctx ends, from one goroutine.
// The first comes when everything has been read once; a part that can't be read
// keeps its last value and makes the snapshot stale. It answers nil when ctx
// ends, with every goroutine joined.
func (s *Store) Watch(ctx context.Context, apply func(catalog.Snapshot)) error {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{
		store: s, ctx: ctx, view: newView(s.keys), apply: apply,
		changes: make(chan change), members: map[string]context.CancelFunc{},
	}
	defer w.feeds.Wait()
	defer cancel()
	for _, folder := range w.folders() {
		w.followFolder(folder)
	}
	w.followCatalogue()
	w.follow(w.pollRest)
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
	feeds   sync.WaitGroup

	catalogue map[string][]string           // service to tags; nil until read
	members   map[string]context.CancelFunc // services with a feed of their own
	polled    []string                      // services above the budget
	started   bool                          // the first snapshot is out
}

// change is what a feed has read, to be done by run. It answers whether a new
// snapshot is due, and whether it is urgent.
type change func() (due, urgent bool)

func (w *watch) folders() []string {
	k := w.store.keys
	return []string{k.Aliases(), k.Services(), k.Releases(), k.Flips()}
}

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
	if w.catalogue == nil || len(w.view.folders) < len(w.folders()) {
		return false
	}
	for name := range w.members {
		if _, ok := w.view.instances[name]; !ok {
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

// followFolder feeds one folder of keys. Only aliases are urgent.
func (w *watch) followFolder(folder string) {
	urgent := folder == w.store.keys.Aliases()
	w.follow(func() {
		w.store.follow(w.ctx, 0, func(q *api.QueryOptions) (uint64, error) {
			pairs, meta, err := w.store.api.KV().List(folder, q)
			if err != nil {
				return 0, err
			}
			w.send(func() (bool, bool) {
				changed := w.view.setFolder(folder, pairs, meta.LastIndex)
				if changed {
					w.recruit()
				}
				return changed, changed && urgent
			})
			return meta.LastIndex, nil
		}, w.failed(folder))
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
		}, w.failed("the catalogue"))
	})
}

// recruit starts and ends the feeds of services, so that each service that is
// Teal's business has one. It tells whether a service went.
func (w *watch) recruit() bool {
	if w.catalogue == nil {
		return false
	}
	mentioned := w.view.mentioned()
	w.polled = nil
	for name, tags := range w.catalogue {
		_, member := w.members[name]
		switch {
		case member || (!mentioned[name] && !catalog.Concerns(tags)):
		case len(w.members) < watchBudget:
			w.enlist(name)
		default:
			w.polled = append(w.polled, name)
		}
	}
	gone := false
	for name := range w.view.instances {
		if _, there := w.catalogue[name]; !there {
			w.dismiss(name)
			gone = w.view.dropService(name) || gone
		}
	}
	return gone || !w.started
}

func (w *watch) enlist(name string) {
	ctx, cancel := context.WithCancel(w.ctx)
	w.members[name] = cancel
	w.follow(func() {
		w.store.follow(ctx, settle, func(q *api.QueryOptions) (uint64, error) {
			return w.readService(ctx, name, q)
		}, w.failed("service "+name))
	})
}

func (w *watch) dismiss(name string) {
	if cancel, ok := w.members[name]; ok {
		cancel()
		delete(w.members, name)
		delete(w.view.failing, "service "+name)
	}
}

func (w *watch) readService(ctx context.Context, name string, q *api.QueryOptions) (uint64, error) {
	entries, meta, err := w.store.api.Health().Service(name, "", false, q)
	if err != nil {
		return 0, err
	}
	instances, problems := understand(entries)
	w.send(func() (bool, bool) {
		if ctx.Err() != nil {
			return false, false // dismissed while it was asking
		}
		return w.view.setInstances(name, instances, problems) || !w.started, false
	})
	return meta.LastIndex, nil
}

// pollRest asks about the services above the budget, in turns.
func (w *watch) pollRest() {
	for w.ctx.Err() == nil {
		rest(w.ctx, pollEvery)
		var names []string
		done := make(chan struct{})
		w.send(func() (bool, bool) {
			names = slices.Clone(w.polled)
			close(done)
			return false, false
		})
		select {
		case <-done:
		case <-w.ctx.Done():
			return
		}
		for _, name := range names {
			_, err := w.store.ask(w.ctx, 0, func(q *api.QueryOptions) (uint64, error) {
				return w.readService(w.ctx, name, q)
			})
			w.failed("the services above the watch budget")(err)
		}
	}
}

// failed tells the view, and once the log, that something can't be read or can
// be read again.
func (w *watch) failed(what string) func(error) {
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
			if err != nil {
				w.view.failing[what] = time.Now()
			} else {
				delete(w.view.failing, what)
			}
			return true, false
		})
	}
}
