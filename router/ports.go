package router

import (
	"context"

	"teal/catalog"
)

// Source tells what is known of all services.
type Source interface {
	// Watch calls apply with every new snapshot, from one goroutine, until ctx
	// ends, and returns only then. A snapshot is not changed once it is handed in.
	Watch(ctx context.Context, apply func(catalog.Snapshot)) error
}

// Flipper changes what an alias points at.
type Flipper interface {
	// Service is all that is known of one service at this moment; empty when
	// nobody knows it. The router's own view may be a moment old.
	Service(ctx context.Context, name string) (*catalog.Service, error)
	// Flip happens whole or not at all, and answers the alias's new index. Its
	// errors wrap catalog.ErrMoved when somebody was faster, and
	// catalog.ErrUnhealthy when a guard is no longer passing.
	Flip(ctx context.Context, f catalog.Flip) (index uint64, err error)
}

// Announcer tells the fleet what this router has applied.
type Announcer interface {
	// Announce replaces what was announced before. The record lives no longer
	// than the router; keeping it alive is the announcer's business.
	Announce(ctx context.Context, r catalog.RouterRecord) error
}

// Roster tells which routers live.
type Roster interface {
	// Routers reads consistently: a router that announced itself before the call is
	// in the list.
	Routers(ctx context.Context) ([]catalog.RouterRecord, error)
}
