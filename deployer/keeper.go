package deployer

import (
	"context"

	"teal/catalog"
)

// Keeper is what looking after locks, records and routes needs of Consul. It is
// safe for concurrent use.
type Keeper interface {
	// HeldLock is the deployment lock; false when there is none.
	HeldLock(ctx context.Context, service, environment string) (catalog.HeldLock, bool, error)
	// BreakLock takes a lock away from its holder as it was read. It fails with
	// catalog.ErrLocked when somebody else has taken it since.
	BreakLock(ctx context.Context, service, environment string, held catalog.HeldLock) error
	// DeleteDeployment forgets a deployment as it was read, and what was decided
	// about it. It fails with catalog.ErrLockLost, or with catalog.ErrChanged when
	// it was written since.
	DeleteDeployment(ctx context.Context, d catalog.Deployment, session string) error
	// ServiceConfigs are what all services say about themselves, by name.
	ServiceConfigs(ctx context.Context) (map[string]catalog.ServiceConfig, error)
}
