package consul

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// errHeld: another session holds the router's key.
var errHeld = errors.New("another router holds the key")

// Announcer keeps one router's record alive in Consul. The record goes when Run
// ends, or within twice the session's TTL when the process dies.
type Announcer struct {
	store *Store

	mu      sync.Mutex
	session string
	record  catalog.RouterRecord // the latest announced; ID empty before the first
}

// Announcer makes an announcer for one router.
func (s *Store) Announcer() *Announcer { return &Announcer{store: s} }

// Announce writes the router's record. It may be called from any goroutine.
func (a *Announcer) Announce(ctx context.Context, r catalog.RouterRecord) error {
	ctx, cancel := context.WithTimeout(ctx, renewEvery) // a write that hangs must not keep the session from being renewed
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.record = r
	return a.put(ctx)
}

// Run renews the session until ctx ends and writes the record anew when Consul
// has lost it. It removes the record before it answers.
func (a *Announcer) Run(ctx context.Context) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	defer a.withdraw(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := a.renew(ctx); err != nil && ctx.Err() == nil {
				a.store.log.Warn("the router's record is not up to date", "error", err)
			}
		}
	}
}

func (a *Announcer) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.record.ID == "" {
		return nil
	}
	if a.session != "" {
		alive, err := a.store.renewOnce(ctx, a.session)
		if alive || err != nil {
			return a.store.explain(err, "renew the router's session")
		}
		a.session = ""
	}
	return a.put(ctx)
}

// put writes the record under a living session, making one if need be. The
// caller holds mu.
func (a *Announcer) put(ctx context.Context) error {
	if a.session == "" {
		session, err := a.store.newSession(ctx, "teal router "+a.record.ID)
		if err != nil {
			return err
		}
		a.session = session
	}
	key := a.store.keys.Router(a.record.ID)
	ok, _, err := a.store.api.KV().Acquire(&api.KVPair{Key: key, Value: a.record.Encode(), Session: a.session}, a.store.write(ctx))
	if err != nil {
		a.dropEnded(ctx)
		return a.store.explain(err, "write "+key)
	}
	if !ok {
		return fmt.Errorf("write %s: %w; give each router an id of its own with --id, or wait for the old one to run out", key, errHeld)
	}
	return nil
}

// dropEnded forgets a session that Consul says has ended, so that the next try
// makes a new one. A session that may live is kept: it holds the key. The caller
// holds mu.
func (a *Announcer) dropEnded(ctx context.Context) {
	if alive, err := a.store.renewOnce(ctx, a.session); err == nil && !alive {
		a.session = ""
	}
}

func (a *Announcer) withdraw(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.session != "" {
		a.store.destroy(ctx, a.session)
		a.session = ""
	}
}
