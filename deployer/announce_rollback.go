package deployer

import (
	"context"
	"fmt"
	"slices"

	"teal/catalog"
	"teal/deployer/notify"
	"teal/deployer/servicefile"
	"teal/deployer/timing"
)

// recordedNotify are those of a service file whose addresses are in variables. It
// is pure.
func recordedNotify(all []servicefile.Notify) []catalog.Notify {
	var recorded []catalog.Notify
	for _, n := range all {
		if n.Variable != "" {
			recorded = append(recorded, catalog.Notify{Kind: string(n.Kind), Variable: n.Variable, When: string(n.When)})
		}
	}
	return recorded
}

// reachable are those of a record whose variables are set here: where people roll
// back they often are not, and need not be. It is pure.
func reachable(recorded []catalog.Notify, environ []string) []servicefile.Notify {
	var all []servicefile.Notify
	for _, one := range recorded {
		n := servicefile.Notify{Kind: servicefile.NotifyKind(one.Kind), Variable: one.Variable, When: servicefile.NotifyWhen(one.When)}
		if n.Address(environ) != "" {
			all = append(all, n)
		}
	}
	return all
}

// announceRollback tells those whom the record of the deployment names that was
// live before that it was rolled back. Before is the service as it was then, and
// brought the deployment of what is live now. A deployment that has not ended tells
// it itself. Whom it does not reach is noted in done; it can't fail the rollback.
func (d *Deployer) announceRollback(ctx context.Context, before *catalog.Service, brought string, done *Flipped) {
	from, ok := done.From.Single()
	if !ok || done.DryRun {
		return
	}
	ctx, over := timing.Bounded(ctx, evidenceTimeout)
	defer over()
	all, err := d.opt.Store.Deployments(ctx, before.Name, from.Environment)
	if err != nil {
		d.opt.Logger.Warn("nobody was told of a rollback, as its deployments can't be read", "service", before.Name, "error", err)
		return
	}
	left, ok := recordOf(all, before.Releases[from].Deployment)
	if !ok || left.State != catalog.Succeeded {
		return
	}
	left = left.Enter(catalog.RolledBack, d.opt.Now(), "")
	left.Reason = fmt.Sprintf("%s rolled %s back to release %s (%s)", d.opt.By, done.Alias, orNone(done.Release), done.To)
	t := notify.Tidings{Record: left, ByHand: true}
	if to, ok := recordOf(all, brought); ok {
		t.Live = &to
	}
	n := notify.Notifier{Environ: d.opt.Environ}
	done.Notes = append(done.Notes, n.Tell(ctx, notify.Listeners(reachable(left.Notify, d.opt.Environ), left, nil), t)...)
}

// recordOf is pure.
func recordOf(all []catalog.Deployment, id string) (catalog.Deployment, bool) {
	n := slices.IndexFunc(all, func(d catalog.Deployment) bool { return d.ID == id })
	if n < 0 {
		return catalog.Deployment{}, false
	}
	return all[n], true
}
