package deployer

import (
	"context"

	"teal/catalog"
)

// announce tells those whom the file names where the deployment stands. It can't
// fail it.
func (r *run) announce(ctx context.Context) {
	if len(r.spec.Notify) == 0 {
		return
	}
	ctx, done := bounded(ctx, evidenceTimeout)
	defer done()
	for _, why := range r.notify(ctx, r.spec, r.record, r.previousOutcome(ctx)) {
		r.note("%s", why)
	}
}

// previousOutcome is the deployment that this one is compared with; nil when there
// is none or it can't be told.
func (r *run) previousOutcome(ctx context.Context) *catalog.Deployment {
	all, err := r.opt.Store.Deployments(ctx, r.record.Service, r.env.Name)
	if err != nil {
		return nil
	}
	return lastVerdict(all, r.record)
}
