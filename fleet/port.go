package fleet

import (
	"context"

	"teal/catalog"
)

// Records is what Consul knows. It is safe for concurrent use.
type Records interface {
	// Routers lists the living routers, read consistently: a router that announced
	// itself before the call is in it.
	Routers(ctx context.Context) ([]catalog.RouterRecord, error)
	// Service is a consistent reading of one service, empty for an unknown one.
	Service(ctx context.Context, name string) (*catalog.Service, error)
}

// Asker asks one router. It is safe for concurrent use.
type Asker interface {
	// Target is a router's view of a target of a service, of one that it does not
	// know too: no request is under way there then. An answer that can't be
	// understood is an error, never an empty view.
	Target(ctx context.Context, router catalog.RouterRecord, service string, t catalog.Target) (TargetView, error)
}
