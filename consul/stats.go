package consul

import (
	"maps"
	"sync"
)

// Feed is one of the things that a watch reads, as metrics may name it.
type Feed string

// The feeds.
const (
	FeedAliases   Feed = "aliases"
	FeedHalts     Feed = "halts"
	FeedConfigs   Feed = "services"
	FeedReleases  Feed = "releases"
	FeedFlips     Feed = "flips"
	FeedCatalogue Feed = "catalogue"
	FeedInstances Feed = "instances" // of one service at a time
	FeedChecks    Feed = "checks"    // those that do not pass
	FeedCensus    Feed = "census"    // all checks
)

// FeedStats are how often Consul has answered a feed and how often it could not
// be read.
type FeedStats struct {
	Answers uint64
	Errors  uint64
}

// WatchStats count what the watches of a store have done since it was made.
type WatchStats struct {
	Feeds     map[Feed]FeedStats
	Snapshots uint64 // handed on
	Sweeps    uint64 // all services read, as nothing told which of them changed
	Switches  uint64 // between a query for each service and common feeds
}

// WatchStats are the counters as they stand. It may be called from any goroutine;
// the map is the caller's.
func (s *Store) WatchStats() WatchStats {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	now := s.stats.now
	now.Feeds = maps.Clone(now.Feeds)
	return now
}

// counters are the WatchStats in the making.
type counters struct {
	mu  sync.Mutex
	now WatchStats
}

// read counts an answer, or the error there was instead.
func (c *counters) read(feed Feed, err error) {
	c.count(func(s *WatchStats) {
		f := s.Feeds[feed]
		if err == nil {
			f.Answers++
		} else {
			f.Errors++
		}
		s.Feeds[feed] = f
	})
}

func (c *counters) count(change func(*WatchStats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.Feeds == nil {
		c.now.Feeds = map[Feed]FeedStats{}
	}
	change(&c.now)
}
