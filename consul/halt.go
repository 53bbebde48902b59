package consul

import (
	"context"
	"fmt"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// Halt keeps the requests of an alias waiting or away until Resume. One that is
// halted already is halted as h says from now on.
func (s *Store) Halt(ctx context.Context, service, alias string, h catalog.Halt) error {
	doing := fmt.Sprintf("halt %s of %s", alias, service)
	if err := checkAlias(service, alias); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	_, err := s.api.KV().Put(&api.KVPair{Key: s.keys.Halt(service, alias), Value: h.Encode()}, s.write(ctx))
	return s.explain(err, doing)
}

// Resume ends the halt of an alias and tells whether there was one.
func (s *Store) Resume(ctx context.Context, service, alias string) (existed bool, err error) {
	doing := fmt.Sprintf("resume %s of %s", alias, service)
	if err := checkAlias(service, alias); err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	key := s.keys.Halt(service, alias)
	for {
		pair, _, err := s.api.KV().Get(key, s.query(ctx))
		if err != nil || pair == nil {
			return false, s.explain(err, doing)
		}
		done, _, err := s.api.KV().DeleteCAS(pair, s.write(ctx))
		if err != nil || done {
			return err == nil, s.explain(err, doing)
		}
		// Somebody has halted it anew or resumed it meanwhile.
	}
}

func checkAlias(service, alias string) error {
	if err := catalog.CheckName("service", service); err != nil {
		return err
	}
	return catalog.CheckName("alias", alias)
}
