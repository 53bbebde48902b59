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
	// moveTimeout bounds how long an alias may wait for the services it moved in.
	moveTimeout = 500 * time.Millisecond

	// moveReaders is how many of them are read at once.
	moveReaders = 8
)

// poll asks about the services above the budget, in turns, and at once when
// there are new ones.
func (w *watch) poll() {
	failed := w.failed(w.ctx, "the services above the watch budget")
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-w.pollNow:
		case <-time.After(pollEvery):
		}
		for _, name := range w.turns() {
			_, err := w.readService(w.ctx, name, (&api.QueryOptions{}).WithContext(w.ctx))
			if w.ctx.Err() != nil {
				return
			}
			failed(err)
		}
	}
}

// turns is the services to ask about, from the goroutine that knows.
func (w *watch) turns() []string {
	names := make(chan []string, 1)
	w.send(func() (bool, bool) {
		names <- slices.Clone(w.polled)
		return false, false
	})
	select {
	case list := <-names:
		return list
	case <-w.ctx.Done():
		return nil
	}
}

// moved are the services that have an alias in now that differs from before.
func moved(keys catalog.Keys, before, now api.KVPairs) []string {
	was := map[string]uint64{}
	for _, p := range before {
		was[p.Key] = p.ModifyIndex
	}
	var names []string
	for _, p := range now {
		service, _, ok := keys.CutAlias(p.Key)
		if ok && was[p.Key] != p.ModifyIndex && !slices.Contains(names, service) {
			names = append(names, service)
		}
	}
	return names
}

// readMoved reads services within moveTimeout. One that can't be read in that
// time is left out: a flip waits for nothing longer.
func (s *Store) readMoved(ctx context.Context, names []string) map[string][]*api.ServiceEntry {
	ctx, cancel := context.WithTimeout(ctx, moveTimeout)
	defer cancel()
	var mu sync.Mutex
	read := map[string][]*api.ServiceEntry{}
	places := make(chan struct{}, moveReaders)
	var readers sync.WaitGroup
	for _, name := range names {
		readers.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			entries, _, err := s.api.Health().Service(name, "", false, (&api.QueryOptions{}).WithContext(ctx))
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			read[name] = entries
		})
	}
	readers.Wait()
	return read
}
