package router

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"teal/catalog"
)

// Pauses after a failed announcement.
const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// announcer tells the newest applied alias index to the fleet.
type announcer struct {
	to     Announcer // nil for nobody
	record catalog.RouterRecord
	log    hclog.Logger
	index  atomic.Uint64
	news   chan struct{}
	said   bool   // whether anything was handed to applied; guarded by its caller
	last   uint64 // what was handed to applied last; guarded by its caller
}

func newAnnouncer(opt Options) *announcer {
	return &announcer{
		to: opt.Announcer, log: opt.Logger, news: make(chan struct{}, 1),
		record: catalog.RouterRecord{
			ID: opt.ID, Proxy: opt.ProxyAddr, Admin: opt.AdminURL, Version: opt.Version, Since: opt.Now().UTC(),
		},
	}
}

// applied notes that the table with this index has been published. Calls must
// not overlap.
func (a *announcer) applied(index uint64) {
	if a.said && a.last == index {
		return
	}
	a.said, a.last = true, index
	a.index.Store(index)
	select {
	case a.news <- struct{}{}:
	default: // run will read the newer index
	}
}

// run announces until ctx ends. The latest index wins.
func (a *announcer) run(ctx context.Context) {
	if a.to == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.news:
			a.announce(ctx)
		}
	}
}

// announce tries until it succeeds.
func (a *announcer) announce(ctx context.Context) {
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		record := a.record
		record.Applied = a.index.Load()
		err := a.to.Announce(ctx, record)
		if err == nil || ctx.Err() != nil {
			return
		}
		if pause == firstRetry {
			a.log.Warn("can't announce the applied index; trying on", "index", record.Applied, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause + rand.N(pause/2)):
		}
	}
}
