package deployer

import (
	"context"
	"time"

	"teal/catalog"
	"teal/fleet"
)

// Host is one Docker engine, or the platform of local processes that stands in
// for one. It is safe for concurrent use.
type Host interface {
	// Name is what people call the host.
	Name() string
	// Ping tells whether the host answers.
	Ping(ctx context.Context) error
	// Pull makes the image available and answers its digest; an image that is
	// there already is fine.
	Pull(ctx context.Context, image string) (digest string, err error)
	// EnsureNetwork makes a private network unless it exists.
	EnsureNetwork(ctx context.Context, name string, labels map[string]string) error
	// RemoveNetwork removes a network; one that is gone already is fine.
	RemoveNetwork(ctx context.Context, name string) error
	// Create makes a container without starting it. A name that is taken is
	// catalog.ErrNameTaken.
	Create(ctx context.Context, spec catalog.ContainerSpec) (id string, err error)
	// Start starts a container; one that runs already is fine.
	Start(ctx context.Context, id string) error
	// Stop asks a container to end and kills it after grace; one that is stopped
	// already is fine.
	Stop(ctx context.Context, id string, grace time.Duration) error
	// Rename gives a container another name.
	Rename(ctx context.Context, id, name string) error
	// Remove removes a stopped container; one that is gone already is fine.
	Remove(ctx context.Context, id string) error
	// List tells the containers, running or not, that have all the labels.
	List(ctx context.Context, labels map[string]string) ([]catalog.Container, error)
	// Logs is the last lines a container wrote.
	Logs(ctx context.Context, id string, lines int) (string, error)
}

// Store is what the deployer needs of Consul. It is safe for concurrent use.
type Store interface {
	Keeper
	// Service is a consistent reading of one service, with its checks and what
	// they say. It is never nil without an error, and empty for an unknown one.
	Service(ctx context.Context, name string) (*catalog.Service, error)
	// Flip changes an alias whole or not at all and answers its new index. It
	// fails with catalog.ErrMoved, ErrLockLost or ErrUnhealthy.
	Flip(ctx context.Context, f catalog.Flip) (index uint64, err error)
	// Lock takes the deployment lock. The channel closes when it is lost. It
	// fails with catalog.ErrLocked, in a sentence that names the holder.
	Lock(ctx context.Context, service, environment string, rec catalog.LockRecord) (session string, lost <-chan struct{}, err error)
	// Unlock lets the lock go.
	Unlock(ctx context.Context, service, environment, session string) error
	// PutDeployment writes a deployment's record. It fails with
	// catalog.ErrLockLost when session no longer holds the lock, as the other
	// writes that take a session do.
	PutDeployment(ctx context.Context, d catalog.Deployment, session string) error
	// Deployments lists the recorded deployments, the oldest first.
	Deployments(ctx context.Context, service, environment string) ([]catalog.Deployment, error)
	// PutRelease writes what a target holds.
	PutRelease(ctx context.Context, service string, t catalog.Target, r catalog.Release, session string) error
	// DeleteRelease forgets what a target holds.
	DeleteRelease(ctx context.Context, service string, t catalog.Target, session string) error
	// UpdateServiceConfig changes what a service says about itself: change gets
	// what is there and answers what shall be. It may be called again when
	// somebody else, another environment's deployment say, was faster. What stays
	// the same is not written.
	UpdateServiceConfig(ctx context.Context, service string, change func(catalog.ServiceConfig) catalog.ServiceConfig) error
	// Routers lists the living routers.
	Routers(ctx context.Context) ([]catalog.RouterRecord, error)
}

// Fleet asks routers what they see; fleet.Client does over their admin API.
type Fleet = fleet.Asker
