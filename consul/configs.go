package consul

import (
	"context"

	"teal/catalog"
)

// ServiceConfigs are what all services say about themselves. One that can't be
// read is left out and logged.
func (s *Store) ServiceConfigs(ctx context.Context) (map[string]catalog.ServiceConfig, error) {
	pairs, _, err := s.api.KV().List(s.keys.Services(), s.query(ctx))
	if err != nil {
		return nil, s.explain(err, "read the configurations of all services")
	}
	all := map[string]catalog.ServiceConfig{}
	for _, p := range pairs {
		service, ok := s.keys.CutService(p.Key)
		if !ok {
			continue // a folder made by Consul's own UI
		}
		config, err := catalog.ParseServiceConfig(p.Value)
		if err != nil {
			s.log.Warn("a service's configuration can't be read", "key", p.Key, "error", err)
			continue
		}
		config.Since = p.CreateIndex
		all[service] = config
	}
	return all, nil
}
