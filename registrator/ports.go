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

// Registry is the agent that the containers are registered with.
type Registry interface {
	// Registered lists all services of the agent, whoever registered them. With
	// an error the list means nothing.
	Registered(ctx context.Context) ([]catalog.Registration, error)
	// Register makes the agent know r, in place of what it knew under r's id.
	Register(ctx context.Context, r catalog.Registration) error
	// Deregister makes the agent forget an id; one it does not know is fine.
	Deregister(ctx context.Context, id string) error
}
