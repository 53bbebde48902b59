package consul

import (
	"context"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// PutHost writes what a Docker host is, if that differs from what is there in
// more than its time.
func (s *Store) PutHost(ctx context.Context, h catalog.HostRecord) error {
	key := s.keys.Host(h.Node)
	doing := "write the host's record " + key
	old, _, err := s.api.KV().Get(key, s.query(ctx))
	if err != nil {
		return s.explain(err, doing)
	}
	if old != nil {
		if known, err := catalog.ParseHostRecord(old.Value); err == nil && known.Same(h) {
			return nil
		}
	}
	_, err = s.api.KV().Put(&api.KVPair{Key: key, Value: h.Encode()}, s.write(ctx))
	return s.explain(err, doing)
}

// Hosts are the Docker hosts that registrators have told of, by node. A record
// that can't be read is left out and logged. A host that is gone stays until
// somebody deletes its key.
func (s *Store) Hosts(ctx context.Context) ([]catalog.HostRecord, error) {
	pairs, _, err := s.api.KV().List(s.keys.Hosts(), s.query(ctx))
	if err != nil {
		return nil, s.explain(err, "read the hosts")
	}
	var list []catalog.HostRecord
	for _, p := range pairs {
		if _, ok := s.keys.CutHost(p.Key); !ok {
			continue // a folder made by Consul's own UI
		}
		h, err := catalog.ParseHostRecord(p.Value)
		if err != nil {
			s.log.Warn("a host's record can't be read", "key", p.Key, "error", err)
			continue
		}
		list = append(list, h)
	}
	return list, nil
}
