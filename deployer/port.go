package deployer

import (
	"context"

	"teal/catalog"
	"teal/fleet"
)

// Store is what the deployer needs of Consul. It is safe for concurrent use.
type Store interface {
	Keeper
	// Service is a consistent reading of one service, with its checks and what
	// they say. It is never nil without an error, and empty for an unknown one.
	Service(ctx context.Context, name string) (*catalog.Service, error)
	// FlipTogether makes flips, of one alias each, whole or not at all and answers the
	// index that all of them have. It fails with catalog.ErrMoved, ErrLockLost or
	// ErrUnhealthy, in a sentence that names the service, and with
	// catalog.ErrTooManyChecks when they are too many for one transaction.
	FlipTogether(ctx context.Context, flips []catalog.Flip) (index uint64, err error)
	// Lock takes the deployment lock. The channel closes when it is lost. It
	// fails with catalog.ErrLocked, in a sentence that names the holder.
	Lock(ctx context.Context, service, environment string, rec catalog.LockRecord) (session string, lost <-chan struct{}, err error)
	// Unlock lets the lock go.
	Unlock(ctx context.Context, service, environment, session string) error
	// PutDeployment writes a deployment's record. It fails with
	// catalog.ErrLockLost when session no longer holds the lock, as the other
	// writes that take a session do, and with catalog.ErrChanged when the record has
	// gone further by now: a write that comes late must not take it back.
	PutDeployment(ctx context.Context, d catalog.Deployment, session string) error
	// Deployments lists the recorded deployments, the oldest first.
	Deployments(ctx context.Context, service, environment string) ([]catalog.Deployment, error)
	// Decide writes somebody's word about a deployment; a later word replaces an
	// earlier one. It is refused, in a sentence, when the deployment has no record
	// or has ended, and when it is to be approved after it was aborted.
	Decide(ctx context.Context, service, environment, id string, d catalog.Decision) error
	// Decision is the last word about a deployment; false when there is none.
	Decision(ctx context.Context, service, environment, id string) (catalog.Decision, bool, error)
	// StageRelease writes what a target is about to hold instead of old, nil for
	// nothing, as long as the environment's alias is as it was read. It fails with
	// catalog.ErrMoved when the alias or the record has changed.
	StageRelease(ctx context.Context, service string, t catalog.Target, old *catalog.Release, r catalog.Release, alias catalog.Alias, session string) error
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
	// Hosts lists the Docker hosts that registrators have told of, by node, those
	// that are gone too until somebody deletes their keys.
	Hosts(ctx context.Context) ([]catalog.HostRecord, error)
}

// Fleet asks routers what they see; fleet.Client does over their admin API.
type Fleet = fleet.Asker

// Registry is where images lie. It is safe for concurrent use.
type Registry interface {
	// Digest is the image that a name means at its registry now, pinned:
	// "registry:5000/shop@sha256:…". It fails with catalog.ErrNoImage when the
	// registry has none of that name.
	Digest(ctx context.Context, image string) (pinned string, err error)
	// Copy brings the very same image to another name, in another registry perhaps,
	// and answers it pinned.
	Copy(ctx context.Context, from, to string) (pinned string, err error)
}
