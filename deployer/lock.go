package deployer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"teal/catalog"
)

// Lock is the deployment lock of a service in an environment.
type Lock struct {
	Service     string    `json:"service"`
	Environment string    `json:"environment"`
	Held        bool      `json:"held"`
	Holder      string    `json:"holder,omitempty"`
	Deployment  string    `json:"deployment,omitempty"`
	Since       time.Time `json:"since,omitzero"`
	// Alive tells that Consul has the holder's session. That of a holder that was
	// killed lives for up to catalog.SessionAfterlife more, and the lock with it.
	Alive bool `json:"alive"`
	// State is where the holder's deployment stands; empty when it has no record.
	State catalog.DeploymentState `json:"state,omitempty"`
}

// LockStatus tells who holds the deployment lock. It touches nothing.
func (d *Deployer) LockStatus(ctx context.Context, service, environment string) (Lock, error) {
	lock, _, err := d.readLock(ctx, service, environment)
	return lock, err
}

// ReleaseLock takes the deployment lock away from its holder and answers how it
// was held before. While the holder's session lives that takes force: the holder
// loses the right to write, stops where it is, and cleans nothing up; the next
// deployment finishes or reverts what it left. Without force the error wraps
// catalog.ErrLocked.
func (d *Deployer) ReleaseLock(ctx context.Context, service, environment string, force bool) (Lock, error) {
	lock, held, err := d.readLock(ctx, service, environment)
	if err != nil || !lock.Held {
		return lock, err
	}
	if lock.Alive && !force {
		return lock, fmt.Errorf("%w by %s, whose session lives: should that run be dead, the lock goes by itself within %s; to take it from one that is alive, use --force",
			catalog.ErrLocked, lock.Holder, catalog.SessionAfterlife)
	}
	if d.opt.DryRun {
		return lock, nil
	}
	if err := d.opt.Store.BreakLock(ctx, service, environment, held); err != nil {
		return lock, fmt.Errorf("release the lock of %s in %s: %w", service, environment, err)
	}
	d.opt.Logger.Warn("released a deployment lock", "service", service, "environment", environment, "holder", lock.Holder, "deployment", lock.Deployment)
	return lock, nil
}

func (d *Deployer) readLock(ctx context.Context, service, environment string) (Lock, catalog.HeldLock, error) {
	lock := Lock{Service: service, Environment: environment}
	if err := catalog.CheckName("service", service); err != nil {
		return lock, catalog.HeldLock{}, err
	}
	if err := catalog.CheckEnvironment(environment); err != nil {
		return lock, catalog.HeldLock{}, err
	}
	held, there, err := d.opt.Store.HeldLock(ctx, service, environment)
	if err != nil || !there {
		return lock, held, err
	}
	lock.Held, lock.Alive = true, held.Alive
	lock.Holder, lock.Deployment, lock.Since = held.Holder, held.Deployment, held.Since
	all, err := d.opt.Store.Deployments(ctx, service, environment)
	if err != nil {
		return lock, held, fmt.Errorf("read the deployments of %s to %s: %w", service, environment, err)
	}
	if n := slices.IndexFunc(all, func(r catalog.Deployment) bool { return r.ID == held.Deployment }); n >= 0 {
		lock.State = all[n].State
	}
	return lock, held, nil
}
