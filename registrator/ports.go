package registrator

import (
	"context"

	"teal/catalog"
)

// Runtime is where the containers of this host run.
type Runtime interface {
	// Containers lists all containers, running or not. With an error the list
	// means nothing.
	Containers(ctx context.Context) ([]catalog.Container, error)
	// Changes tells that the list may have changed, from now until ctx ends. The
	// channel is closed when the runtime stops telling.
	Changes(ctx context.Context) (<-chan struct{}, error)
}

// Signals tells when containers are told to end, which is before they do.
type Signals interface {
	// Signals tells the signals sent from now until ctx ends. The channel is closed
	// when the runtime stops telling.
	Signals(ctx context.Context) (<-chan catalog.Signal, error)
}

// Registry is the agent that the containers are registered with.
type Registry interface {
	// Registered lists all services of the agent, whoever registered them, with
	// the present status of their checks and the reason of their maintenance. With
	// an error the list means nothing.
	Registered(ctx context.Context) ([]catalog.Registration, error)
	// Register makes the agent know r, in place of what it knew under r's id. A
	// check that is new begins as r says, one that is not keeps its status, and
	// maintenance lasts. The error wraps catalog.ErrRefused when the agent will
	// never have it.
	Register(ctx context.Context, r catalog.Registration) error
	// Deregister makes the agent forget an id; one it does not know is fine.
	Deregister(ctx context.Context, id string) error
	// Report tells the agent what a check with a TTL says now.
	Report(ctx context.Context, checkID string, status catalog.Health, output string) error
	// Maintain puts an instance into maintenance, or ends that when the reason is
	// empty. One that is in maintenance keeps its reason.
	Maintain(ctx context.Context, id, reason string) error
}

// Drains are the requests to drain instances of this node.
type Drains interface {
	// Requests lists the requests by instance id. With an error the list means
	// nothing.
	Requests(ctx context.Context) (map[string]catalog.DrainRequest, error)
	// Settle forgets the request for an instance; one that is gone is fine.
	Settle(ctx context.Context, id string) error
	// Changes tells that the list may have changed, from now until ctx ends, when
	// the channel is closed.
	Changes(ctx context.Context) (<-chan struct{}, error)
}
