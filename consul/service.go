package consul

import (
	"context"
	"fmt"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// Service reads all that is known of one service, consistently. A service that
// nobody has heard of is empty, not an error. What can't be read in it is
// logged and left out.
func (s *Store) Service(ctx context.Context, name string) (*catalog.Service, error) {
	doing := fmt.Sprintf("read service %s", name)
	entries, _, err := s.api.Health().Service(name, "", false, s.query(ctx))
	if err != nil {
		return nil, s.explain(err, doing)
	}
	if err := s.freshOutputs(ctx, entries); err != nil {
		return nil, s.explain(err, doing)
	}
	found := understand(entries)
	problems := found.problems
	out := &catalog.Service{Name: name, Instances: found.value}
	for _, folder := range []string{s.keys.Aliases(), s.keys.Releases(), s.keys.Flips(), s.keys.Halts(), s.keys.Services()} {
		pairs, err := s.keysOf(ctx, folder, name)
		if err != nil {
			return nil, s.explain(err, doing)
		}
		r := parseFolder(s.keys, folder, pairs, nil)
		problems = append(problems, r.problems...)
		r.value[name].addTo(out)
	}
	for _, p := range problems {
		s.log.Warn("something about a service can't be read", "problem", p.String())
	}
	return out, nil
}

// freshOutputs fills in what the local agent's own failing checks say. The
// catalogue lags behind: an agent writes a new output without a new status only
// every few minutes (check_update_interval).
func (s *Store) freshOutputs(ctx context.Context, entries []*api.ServiceEntry) error {
	var failing []*api.HealthCheck
	for _, e := range entries {
		for _, c := range e.Checks {
			if c.Status != api.HealthPassing && c.ServiceID != "" {
				failing = append(failing, c)
			}
		}
	}
	if len(failing) == 0 {
		return nil
	}
	local, err := s.api.Agent().ChecksWithFilterOpts("", s.query(ctx))
	for _, c := range failing {
		if mine, ok := local[c.CheckID]; ok && mine.Node == c.Node && mine.Output != "" {
			c.Output = mine.Output
		}
	}
	return err
}

// keysOf reads the keys of one service in a folder; the configurations are one
// key, the rest folders of their own.
func (s *Store) keysOf(ctx context.Context, folder, name string) (api.KVPairs, error) {
	if folder != s.keys.Services() {
		pairs, _, err := s.api.KV().List(folder+name+"/", s.query(ctx))
		return pairs, err
	}
	pair, _, err := s.api.KV().Get(s.keys.Service(name), s.query(ctx))
	if pair == nil || err != nil {
		return nil, err
	}
	return api.KVPairs{pair}, nil
}
