package consul

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	// folderQuiet is the rest after a change of a folder that nobody waits for. A
	// query on an empty folder wakes for every write anywhere.
	folderQuiet = 100 * time.Millisecond

	// urgentQuiet bounds what a storm of writes costs, and so what a flip waits
	// behind one. An answer that comes later than calm after the last is no storm.
	urgentQuiet = 5 * time.Millisecond
	calm        = 50 * time.Millisecond
)

// followFolder feeds one folder of keys that nobody waits for.
func (w *watch) followFolder(feed Feed, folder string) {
	w.follow(func() {
		w.store.follow(w.ctx, folderQuiet, func(q *api.QueryOptions) (uint64, error) {
			pairs, meta, err := w.store.api.KV().List(folder, q)
			if err != nil {
				return 0, err
			}
			w.send(func() (bool, bool) { return w.takeFolder(folder, pairs, meta.LastIndex), false })
			return meta.LastIndex, nil
		}, w.failed(w.ctx, feed, folder))
	})
}

// followHalts feeds the halts. They are urgent, and a folder of them that is
// empty is believed at once: that is how the last halt ends.
func (w *watch) followHalts() {
	folder := w.store.keys.Halts()
	w.followUrgent(FeedHalts, folder, func(pairs api.KVPairs, index uint64) {
		w.send(func() (bool, bool) {
			changed := w.setFolder(folder, pairs, index)
			return changed, changed
		})
	})
}

// followAliases feeds the aliases. An alias must not arrive before the instances
// that it now points at: where the view, which only run may read, has none, the
// service is read first.
func (w *watch) followAliases() {
	folder := w.store.keys.Aliases()
	w.followUrgent(FeedAliases, folder, func(pairs api.KVPairs, index uint64) {
		missing := make(chan []string, 1)
		w.send(func() (bool, bool) {
			var names []string
			if w.started {
				names = w.view.unanswered(pairs)
			}
			missing <- names
			if len(names) > 0 {
				return false, false
			}
			changed := w.takeFolder(folder, pairs, index)
			return changed, changed
		})
		select {
		case <-w.ctx.Done():
		case names := <-missing:
			if len(names) > 0 {
				w.moveIn(names, pairs, index)
			}
		}
	})
}

// moveIn reads services and hands them on together with the aliases that have
// moved to them.
func (w *watch) moveIn(names []string, pairs api.KVPairs, index uint64) {
	fresh := w.store.readMoved(w.ctx, names)
	w.send(func() (bool, bool) {
		changed := w.takeFolder(w.store.keys.Aliases(), pairs, index)
		for name, a := range fresh {
			w.arrive(name, a)
		}
		return changed, changed
	})
}

// arrive takes in a service that an alias has moved in, even before the catalogue
// feed has told that there is one.
func (w *watch) arrive(name string, a arrival) {
	if _, there := w.catalogue[name]; !there {
		if len(a.found.value) == 0 {
			return
		}
		w.catalogue[name] = a.found.value[0].EncodeTags()
		w.recruit()
	}
	if w.survey == nil {
		w.view.setInstances(name, a.found)
	} else {
		w.takeService(w.survey, name, a.found, a.read)
	}
}

// followUrgent feeds a folder that is waited for. Its first answer, and each
// after a failure, is consistent: the state of the cluster, not of a server that
// lags behind. Between answers it rests only in a storm: a flip right after
// another one waits for nothing either.
func (w *watch) followUrgent(feed Feed, folder string, take func(api.KVPairs, uint64)) {
	var last listing
	var answered time.Time
	w.follow(func() {
		w.store.follow(w.ctx, 0, func(q *api.QueryOptions) (uint64, error) {
			q.RequireConsistent = q.WaitIndex == 0
			pairs, meta, err := last.read(w.store.urgent.KV(), folder, q)
			if err != nil {
				return 0, err
			}
			take(pairs, meta.LastIndex)
			if time.Since(answered) < calm {
				rest(w.ctx, urgentQuiet)
			}
			answered = time.Now()
			return meta.LastIndex, nil
		}, w.failed(w.ctx, feed, folder))
	})
}

// takeFolder takes in what was read of a folder, and tells whether that changed
// anything. A folder that is empty all of a sudden is not believed yet.
func (w *watch) takeFolder(folder string, pairs api.KVPairs, index uint64) bool {
	if len(pairs) > 0 || !w.view.had(folder) {
		return w.setFolder(folder, pairs, index)
	}
	since := time.Now()
	if !w.view.suspect(folder, since) {
		return false
	}
	w.store.log.Warn("all keys of a folder are gone at once; what they said is kept for now", "folder", folder, "hold", w.store.hold)
	w.follow(func() { w.believe(folder, since) })
	return true
}

func (w *watch) setFolder(folder string, pairs api.KVPairs, index uint64) bool {
	changed := w.view.setFolder(folder, pairs, index)
	if w.view.mentioned {
		w.recruit()
	}
	return changed
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
		return w.setFolder(folder, nil, 0), false
	})
}

// followCatalogue feeds which services there are. It wakes for registrations of
// any kind, but tells only names and tags: which service changed otherwise is for
// the survey to find out.
func (w *watch) followCatalogue() {
	var last uint64
	w.follow(func() {
		w.store.follow(w.ctx, settle, func(q *api.QueryOptions) (uint64, error) {
			services, meta, err := w.store.api.Catalog().Services(q)
			if err != nil {
				return 0, err
			}
			written := last != 0 && meta.LastIndex != last
			last = meta.LastIndex
			w.send(func() (bool, bool) { return w.takeCatalogue(services, written, meta.LastIndex), false })
			return meta.LastIndex, nil
		}, w.failed(w.ctx, FeedCatalogue, "the catalogue"))
	})
}

// takeCatalogue takes in names and tags; written tells that an instance was
// registered or deregistered at index.
func (w *watch) takeCatalogue(services map[string][]string, written bool, index uint64) bool {
	before := w.catalogue
	w.catalogue = services
	changed := w.recruit()
	if w.survey == nil {
		return changed
	}
	for name := range w.tracked {
		if !sameSet(before[name], services[name]) {
			w.survey.readSoon(name)
		}
	}
	if written {
		w.survey.ask(index)
	}
	return changed
}

// sameSet tells whether two lists that name nothing twice have the same in them.
// Consul tells tags in any order.
func sameSet(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x string) bool { return !slices.Contains(b, x) })
}

// enlist gives a service a feed of its own.
func (w *watch) enlist(name string) {
	ctx, cancel := context.WithCancel(w.ctx)
	w.members[name] = cancel
	w.follow(func() {
		w.store.follow(ctx, settle, func(q *api.QueryOptions) (uint64, error) {
			entries, meta, err := w.store.api.Health().Service(name, "", false, q)
			if err != nil {
				return 0, err
			}
			found := understand(entries)
			w.send(func() (bool, bool) {
				if ctx.Err() != nil {
					return false, false // dismissed while it was asking
				}
				return w.view.setInstances(name, found) || !w.started, false
			})
			return meta.LastIndex, nil
		}, w.failed(ctx, FeedInstances, feedOf(name)))
	})
}

// dismiss ends a service's own feed, if it has one.
func (w *watch) dismiss(name string) {
	if cancel, member := w.members[name]; member {
		cancel()
		delete(w.members, name)
		delete(w.view.failing, feedOf(name))
	}
}

func feedOf(service string) string { return "service " + service }
