package deployer

import (
	"context"
	"time"

	"teal/catalog"
	"teal/deployer/notify"
	"teal/deployer/servicefile"
	"teal/deployer/timing"
)

// announce tells those whom the file names where the deployment stands, after all
// that is being told beside it. It can't fail it.
func (r *run) announce(ctx context.Context) {
	r.heard()
	for _, why := range r.announcement(ctx, r.spec, r.record) {
		r.note("%s", why)
	}
}

// announceBeside tells where a deployment stands while the run goes on: one who
// answers late holds nothing up. What is told so is told in its order.
func (r *run) announceBeside(ctx context.Context, record catalog.Deployment) {
	if len(r.spec.Notify) == 0 {
		return
	}
	before, spec, told := r.telling, r.spec, make(chan []string, 1)
	r.telling = told
	go func() {
		var notes []string
		if before != nil {
			notes = <-before
		}
		told <- append(notes, r.announcement(ctx, spec, record)...)
	}()
}

// heard waits until all is told that is told beside the run, and notes whom it did
// not reach.
func (r *run) heard() {
	if r.telling == nil {
		return
	}
	for _, why := range <-r.telling {
		r.note("%s", why)
	}
	r.telling = nil
}

// allHeard is that for all runs. Nothing of them may go on meanwhile.
func (g *group) allHeard() {
	for _, r := range g.runs {
		r.heard()
	}
}

// announcement tells those whom a file names where a deployment stands. It answers
// a sentence about each who could not be told.
func (d *Deployer) announcement(ctx context.Context, spec *servicefile.Spec, record catalog.Deployment) []string {
	if len(spec.Notify) == 0 {
		return nil
	}
	ctx, done := timing.Bounded(ctx, evidenceTimeout)
	defer done()
	return d.tellOf(ctx, spec, record, d.previousOutcome(ctx, record))
}

// tellOf tells those whom a service file names how a deployment went, or that it
// began, when the record has not ended. Previous is the deployment that it is
// compared with, see notify.LastVerdict; nil for none. It answers sentences about
// those who could not be told, which hold no address, and takes little longer than
// notify.Timeout. A context that has ended keeps nobody from being told.
func (d *Deployer) tellOf(ctx context.Context, spec *servicefile.Spec, record catalog.Deployment, previous *catalog.Deployment) []string {
	ctx, done := timing.Bounded(ctx, notify.Timeout+time.Second)
	defer done()
	n := notify.Notifier{Environ: d.opt.Environ}
	return n.Tell(ctx, notify.Listeners(spec.Notify, record, previous), notify.New(spec.Routed, record, previous))
}

// previousOutcome is the deployment that one which has ended is compared with; nil
// when there is none or it can't be told.
func (d *Deployer) previousOutcome(ctx context.Context, record catalog.Deployment) *catalog.Deployment {
	if !record.State.Ended() {
		return nil
	}
	all, err := d.opt.Store.Deployments(ctx, record.Service, record.Environment)
	if err != nil {
		return nil
	}
	return notify.LastVerdict(all, record)
}
