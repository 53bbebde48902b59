package deployer

import (
	"context"
	"fmt"

	"teal/catalog"
)

// Share sends that many percent of an environment's requests to the colour that is
// not live, or to the newer one of a split: a canary by hand. 0 sends all back,
// 100 makes it live. It is a flip, and takes no lock.
func (d *Deployer) Share(ctx context.Context, service, environment string, percent int) (Flipped, error) {
	d = d.byHand()
	s, err := d.opt.Store.Service(ctx, service)
	if err != nil {
		return Flipped{}, fmt.Errorf("read service %s: %w", service, err)
	}
	alias, value, err := sharing(s, environment, percent)
	if err != nil {
		return Flipped{}, fmt.Errorf("share the requests of %s in %s: %w", service, environment, err)
	}
	return d.flipTo(ctx, s, alias, value)
}

// sharing decides who gets how much. It is pure.
func sharing(s *catalog.Service, environment string, percent int) (catalog.Alias, catalog.AliasValue, error) {
	alias, ok := s.Resolve(environment)
	if !ok {
		return alias, catalog.AliasValue{}, fmt.Errorf("nothing was ever deployed there")
	}
	old, next, err := oldAndNew(s, alias, environment)
	switch {
	case err != nil:
		return alias, catalog.AliasValue{}, err
	case percent == 0:
		return alias, catalog.PointTo(old), nil
	case percent == 100:
		return alias, catalog.PointTo(next), nil
	}
	return alias, catalog.AliasValue{Shares: []catalog.Share{{Target: next, Weight: percent}, {Target: old, Weight: 100 - percent}}}, nil
}

// oldAndNew are the colour that has the requests and the one that gets a share. Of
// a split the first is the new one: so all of Teal writes them.
func oldAndNew(s *catalog.Service, alias catalog.Alias, environment string) (old, next catalog.Target, err error) {
	live := alias.Value.Live()
	for _, t := range live {
		if t.Colour == "" || t.Environment != environment {
			return old, next, fmt.Errorf("%s points at %s, and only two colours of it can share requests", alias.Name, alias.Value)
		}
	}
	if len(live) == 1 {
		next, err = alias.Value.Offline(environment)
		return live[0], next, err
	}
	return live[1], live[0], nil
}
