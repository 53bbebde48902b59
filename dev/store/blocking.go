package store

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Consul's limits of how long a query blocks.
const (
	defaultWait = 5 * time.Minute
	maxWait     = 10 * time.Minute
)

// answer is what a query read.
type answer struct {
	body  any
	index uint64
	// missing marks a single record that doesn't exist, whose index is that of
	// its whole table: a query that finds it missing twice in a row keeps
	// blocking, whatever happens to others.
	missing bool
}

// query reads once, or as often as it takes for the index to pass the one in
// the request. read is called with the state locked for reading and must
// return records, not the maps that hold them.
func (s *Store) query(r *http.Request, t topic, read func(*state) answer) (answer, error) {
	minIndex, wait, err := blockingParams(r)
	if err != nil {
		return answer{}, err
	}
	if minIndex == 0 {
		return s.readOnce(read), nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	wasMissing := false
	for {
		changed, release := s.watch.wait(t) // before reading, not to miss a change in between
		found := s.readOnce(read)
		if found.missing && wasMissing {
			minIndex = found.index
		}
		wasMissing = found.missing
		if found.index > minIndex || !s.await(ctx, changed) {
			release()
			return found, nil
		}
		release()
	}
}

func (s *Store) readOnce(read func(*state) answer) answer {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := read(s.state)
	found.index = max(found.index, firstIndex)
	return found
}

// await reports whether there was a change before it was time to answer.
func (s *Store) await(ctx context.Context, changed <-chan struct{}) bool {
	select {
	case <-changed:
		return true
	case <-ctx.Done():
	case <-s.closed:
	}
	return false
}

func blockingParams(r *http.Request) (index uint64, wait time.Duration, err error) {
	params := r.URL.Query()
	if text := params.Get("index"); text != "" {
		if index, err = strconv.ParseUint(text, 10, 64); err != nil {
			return 0, 0, badRequest("Invalid index")
		}
	}
	if text := params.Get("wait"); text != "" {
		if wait, err = time.ParseDuration(text); err != nil {
			return 0, 0, badRequest("Invalid wait time")
		}
	}
	if wait <= 0 {
		wait = defaultWait
	}
	return index, min(wait, maxWait), nil
}
