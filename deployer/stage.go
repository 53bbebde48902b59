package deployer

import (
	"context"
	"errors"
	"fmt"

	"teal/catalog"
)

// stage starts the new release in its target.
//
// The release record goes first: from then on routers send nothing to what the
// target held before, and what the target holds now is not taken for ready.
func (r *run) stage(ctx context.Context) error {
	if err := r.claim(ctx); err != nil {
		return fmt.Errorf("record that %s is being replaced: %w", r.record.Target, err)
	}
	r.vacate(ctx)
	return r.platform.Stage(ctx, r.work(), r.awaitBatch)
}

// claim makes the target this deployment's. A rollback takes no lock: one that
// came before has moved the alias, and the claim fails; one that comes after is
// refused by the record.
func (r *run) claim(ctx context.Context) error {
	err := r.opt.Store.StageRelease(ctx, r.record.Service, r.record.Target, r.record.Replaces, r.release(catalog.Staging), r.alias, r.lock.session)
	if !errors.Is(err, catalog.ErrMoved) {
		return err
	}
	service, unread := r.opt.Store.Service(ctx, r.record.Service)
	if unread == nil && service.Releases[r.record.Target].Deployment == r.record.ID {
		return nil // it went through, and its answer was lost
	}
	return err
}

// release is the record of what the deployment brings to its target.
func (r *run) release(state catalog.ReleaseState) catalog.Release {
	return catalog.Release{
		ID: r.record.Release, Revision: r.record.Revision, Images: r.record.Images,
		Deployment: r.record.ID, State: state, At: r.opt.Now().UTC(),
	}
}
