package consul

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

const (
	// moveTimeout bounds how long an alias may wait for the services it moved in.
	moveTimeout = 500 * time.Millisecond

	// moveReaders is how many of them are read at once.
	moveReaders = 4
)

// arrival is a service that was read because an alias has moved in it.
type arrival struct {
	found reading[[]catalog.Instance]
	read  stamp
}

// readMoved reads services within moveTimeout. One that can't be read in that
// time is left out: a flip waits for nothing longer.
func (s *Store) readMoved(ctx context.Context, names []string) map[string]arrival {
	ctx, cancel := context.WithTimeout(ctx, moveTimeout)
	defer cancel()
	var mu sync.Mutex
	read := map[string]arrival{}
	places := make(chan struct{}, moveReaders)
	var readers sync.WaitGroup
	for _, name := range names {
		readers.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			entries, meta, err := s.urgent.Health().Service(name, "", false, (&api.QueryOptions{}).WithContext(ctx))
			s.stats.read(FeedInstances, err)
			if err != nil {
				return
			}
			a := arrival{understand(entries), stampOf(entries, meta)}
			mu.Lock()
			defer mu.Unlock()
			read[name] = a
		})
	}
	readers.Wait()
	return read
}
