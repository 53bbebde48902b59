package deployer

import (
	"context"
	"fmt"
	"strings"

	"teal/catalog"
)

// awaitRouted waits until every living router sends requests to the guards of a
// flip as soon as it applies the flip. It is short, and what it waited for in
// vain it answers in sentences: the health of the guards is Consul's to vouch
// for.
func (d *Deployer) awaitRouted(ctx context.Context, service string, guards []catalog.Instance) []string {
	if d.opt.Fleet == nil {
		return nil
	}
	ctx, done := context.WithTimeout(ctx, d.opt.Routed)
	defer done()
	unready, silent, err := d.observer(d.opt.Fleet).AwaitRouted(ctx, service, guards)
	if err != nil {
		return []string{fmt.Sprintf("the routers can't be asked whether they know the instances that are flipped to: %s", err)}
	}
	var notes []string
	for _, s := range silent {
		notes = append(notes, s.Error())
	}
	if len(unready) > 0 {
		notes = append(notes, fmt.Sprintf("routers %s do not yet send requests to all instances that are flipped to, after %s", strings.Join(unready, ", "), d.opt.Routed))
	}
	return notes
}
