package deployer

import (
	"context"
	"fmt"
	"slices"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// canary sends a part of the requests to the new releases, watches them, and goes
// on to the next part. It ends before the last step, which is the flip.
func (g *group) canary(ctx context.Context) error {
	c, ok := g.canaryOf()
	if !ok {
		return nil
	}
	g.awaitRouters(ctx)
	for _, percent := range c.Steps {
		if percent >= 100 {
			break
		}
		if err := g.share(ctx, percent); err != nil {
			return err
		}
		if err := g.watchAll(ctx, c.Pause); err != nil {
			return fmt.Errorf("at %d %% of the requests: %w", percent, err)
		}
	}
	return nil
}

// canaryOf is the canary of the group, whose steps and pause are those of all its
// services that have one; false where none of these has something to go back to.
func (g *group) canaryOf() (servicefile.Canary, bool) {
	for _, r := range g.runs {
		if r.spec.Canary != nil && r.splits() {
			return *r.spec.Canary, true
		}
	}
	return servicefile.Canary{}, false
}

// sameCanary is that two services of the group would go in other steps, or with
// another pause.
func (g *group) sameCanary() error {
	var first *run
	for _, r := range g.runs {
		switch {
		case r.spec.Canary == nil:
		case first == nil:
			first = r
		case !slices.Equal(r.spec.Canary.Steps, first.spec.Canary.Steps) || r.spec.Canary.Pause != first.spec.Canary.Pause:
			return fmt.Errorf("%s and %s flip in one transaction, and their canaries differ: %s and %s; give them the same steps and pause, or deploy them one by one",
				first.spec.Service, r.spec.Service, stepsOf(first), stepsOf(r))
		}
	}
	return nil
}

func stepsOf(r *run) string {
	return fmt.Sprintf("steps %v with a pause of %s", r.spec.Canary.Steps, r.spec.Canary.Pause)
}

// canaryLimits are what the run's own canary allows; any where it has none, or
// nothing to share the requests with.
func (r *run) canaryLimits() servicefile.Limits {
	if r.spec.Canary == nil || !r.splits() {
		return servicefile.Limits{}
	}
	return r.spec.Canary.Limits
}

// splits tells whether the requests can be shared between the old release and the
// new.
func (r *run) splits() bool {
	old, ok := r.record.Previous.Single()
	return ok && old != r.record.Target
}

// share sends that many percent of the requests to the new releases. A service
// that has nothing to share them with waits for the flip.
func (g *group) share(ctx context.Context, percent int) error {
	return g.shift(ctx, func(r *run) move {
		if !r.splits() {
			return move{stays: true}
		}
		return move{
			to:     r.split(percent),
			next:   r.record.Enter(catalog.Flipping, r.opt.Now(), fmt.Sprintf("%d %% of the requests", percent)),
			guards: asTheyAre(r.guards, r.service),
		}
	})
}

func (r *run) split(percent int) catalog.AliasValue {
	old, _ := r.record.Previous.Single()
	return catalog.AliasValue{Shares: []catalog.Share{
		{Target: r.record.Target, Weight: percent}, {Target: old, Weight: 100 - percent},
	}}
}
