package deployer

import (
	"context"
	"slices"
	"sync/atomic"

	"teal/catalog"
)

// revive starts the release on all hosts at once.
func (p *hostPlatform) revive(ctx context.Context, service string, t catalog.Target, release catalog.Release) (int, error) {
	var instances atomic.Int64
	err := onHosts(ctx, p.used(), func(ctx context.Context, h host) error {
		n, err := p.reviveOn(ctx, h, service, t, release)
		instances.Add(int64(n))
		return err
	})
	return int(instances.Load()), err
}

// reviveOn starts what a host holds of a release and answers how many instances
// that makes.
func (p *hostPlatform) reviveOn(ctx context.Context, h host, service string, t catalog.Target, release catalog.Release) (int, error) {
	cs, err := listTarget(ctx, h, service, t)
	if err != nil {
		return 0, err
	}
	cs = slices.DeleteFunc(cs, func(c catalog.Container) bool {
		return release.ID != "" && c.Labels[catalog.LabelRelease] != release.ID || isAside(c) || isTask(c)
	})
	if err := restart(ctx, h, cs, ""); err != nil {
		return 0, err
	}
	instances := 0
	for _, c := range cs {
		if c.Labels[catalog.ServiceIgnore] == "" {
			instances++
			p.tell(Event{Kind: Step, Host: h.Name(), Container: c.Name, Text: "started the standby again"})
		}
	}
	return instances, nil
}
