package deployer

import (
	"context"
	"fmt"

	"teal/catalog"
)

// stage starts the new release in its target.
//
// The release record goes first: from then on routers send nothing to what the
// target held before, and what the target holds now is not taken for ready.
func (r *run) stage(ctx context.Context) error {
	if err := r.unmoved(ctx); err != nil {
		return err
	}
	if err := r.opt.Store.PutRelease(ctx, r.record.Service, r.record.Target, r.release(catalog.Staging), r.lock.session); err != nil {
		return fmt.Errorf("record that %s is being replaced: %w", r.record.Target, err)
	}
	// A rollback takes no lock. From the record on it is refused; one that came
	// before it is seen here, before the colour it went to is stopped.
	if err := r.unmoved(ctx); err != nil {
		return err
	}
	r.vacate(ctx)
	return r.platform.stage(ctx, r.work(), r.awaitBatch)
}

// unmoved tells whether the alias is still as it was when the target was chosen.
func (r *run) unmoved(ctx context.Context) error {
	service, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return fmt.Errorf("read service %s: %w", r.record.Service, err)
	}
	if now := service.Aliases[r.env.Name]; now.Index != r.alias.Index {
		return fmt.Errorf("%s points at %s by now: %w", r.env.Name, now.Value, catalog.ErrMoved)
	}
	return nil
}

// release is the record of what the deployment brings to its target.
func (r *run) release(state catalog.ReleaseState) catalog.Release {
	return catalog.Release{
		ID: r.record.Release, Revision: r.record.Revision, Images: r.record.Images,
		Deployment: r.record.ID, State: state, At: r.opt.Now().UTC(),
	}
}
