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

// introduction bounds how long a router that starts tries to announce itself
// before it goes on: it must start without Consul, too.
const introduction = 2 * time.Second

// silentIntroduction is the bound where Consul was found silent just before.
const silentIntroduction = 200 * time.Millisecond

// announcer tells the newest applied alias index to the fleet.
type announcer struct {
	to         Announcer // nil for nobody
	record     catalog.RouterRecord
	log        hclog.Logger
	patience   time.Duration // of the introduction
	index      atomic.Uint64
	news       chan struct{}
	introduced atomic.Bool // the introduction is over, whether it succeeded or not
	failing    bool        // the last announcement failed; guarded by its caller
	said       bool        // whether anything was handed to applied; likewise
	last       uint64      // what was handed to applied last; likewise
}

func newAnnouncer(opt Options) *announcer {
	patience := introduction
	if opt.Silent {
		patience = silentIntroduction
	}
	return &announcer{
		patience: patience, to: opt.Announcer, log: opt.Logger, news: make(chan struct{}, 1),
		record: catalog.RouterRecord{
			ID: opt.ID, Proxy: opt.ProxyAddr, Admin: opt.AdminURL, Version: opt.Version, Since: opt.Now().UTC(),
		},
	}
}

// introduce announces a router that has applied nothing. It comes before the
// first reading of the aliases, so that whoever lists the routers after a flip
// either sees this one, and waits for it, or it will read the flipped alias. It
// gives up after a while; run goes on trying.
func (a *announcer) introduce(ctx context.Context) {
	defer a.introduced.Store(true)
	if a.to == nil {
		return
	}
	ctx, done := context.WithTimeout(ctx, a.patience)
	defer done()
	if !a.announce(ctx) {
		a.wake()
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
	a.wake()
}

// wake has run announce anew.
func (a *announcer) wake() {
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

// announce tries until it succeeds, or until ctx ends. It does not wait long when
// there is news: who reads the aliases can reach Consul.
func (a *announcer) announce(ctx context.Context) bool {
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		if a.try(ctx) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-a.news:
		case <-time.After(pause + rand.N(pause/2)):
		}
	}
}

// try announces once, and says in the log when that begins or ceases to fail.
func (a *announcer) try(ctx context.Context) bool {
	record := a.record
	record.Applied = a.index.Load()
	err := a.to.Announce(ctx, record)
	switch {
	case err != nil && ctx.Err() != nil:
		return false // it was cut short, which says nothing
	case err == nil && a.failing:
		a.log.Info("the fleet is told again what this router has applied", "index", record.Applied)
	case err != nil && !a.failing:
		a.log.Warn("can't announce the applied index; trying on", "index", record.Applied, "error", err)
	}
	a.failing = err != nil
	return err == nil
}
