package consul

import (
	"context"
	"slices"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// RequestDrain asks the registrator of an instance's node to put the instance
// into maintenance until it is gone. It does not wait for that: the instance's
// health tells.
func (s *Store) RequestDrain(ctx context.Context, i catalog.Instance, d catalog.DrainRequest) error {
	d.Container, d.Owner = i.Container, i.Owner
	_, err := s.api.KV().Put(&api.KVPair{Key: s.keys.Drain(i.Node, i.ID), Value: d.Encode()}, s.write(ctx))
	return s.explain(err, "ask for instance "+i.ID+" to be drained")
}

// CancelDrain takes a request back; one that is not there is fine.
func (s *Store) CancelDrain(ctx context.Context, i catalog.Instance) error {
	return s.DrainsOf(i.Node).Settle(ctx, i.ID)
}

// DrainsOf are the requests to drain instances of one node.
func (s *Store) DrainsOf(node string) *Drains { return &Drains{store: s, node: node} }

// Drains are the requests to drain instances of one node. The methods may be
// called from any goroutine.
type Drains struct {
	store *Store
	node  string
}

// Requests lists the requests by instance id.
func (d *Drains) Requests(ctx context.Context) (map[string]catalog.DrainRequest, error) {
	pairs, _, err := d.store.api.KV().List(d.store.keys.Drains(d.node), d.store.query(ctx))
	if err != nil {
		return nil, d.store.explain(err, "read the requests to drain")
	}
	requests := map[string]catalog.DrainRequest{}
	for _, p := range pairs {
		if id, ok := d.store.keys.CutDrain(d.node, p.Key); ok {
			requests[id] = catalog.ParseDrainRequest(p.Value)
		}
	}
	return requests, nil
}

// Settle forgets the request for an instance; one that is gone is fine.
func (d *Drains) Settle(ctx context.Context, id string) error {
	_, err := d.store.api.KV().Delete(d.store.keys.Drain(d.node, id), d.store.write(ctx))
	return d.store.explain(err, "forget the request to drain "+id)
}

// Changes tells that the requests may have changed, from now until ctx ends,
// when the channel is closed. While Consul does not answer it goes on asking, and
// tells when it stops answering and when it answers again: an agent that was
// restarted may have forgotten everything.
func (d *Drains) Changes(ctx context.Context) (<-chan struct{}, error) {
	changes := make(chan struct{}, 1)
	tell := func() {
		select {
		case changes <- struct{}{}:
		default: // a hint is waiting already
		}
	}
	go func() {
		defer close(changes)
		var last api.KVPairs
		blind := true // until the first answer, and after each failure
		d.store.follow(ctx, settle, func(q *api.QueryOptions) (uint64, error) {
			pairs, meta, err := d.store.api.KV().List(d.store.keys.Drains(d.node), q)
			if err != nil {
				return 0, err
			}
			if blind || !slices.EqualFunc(last, pairs, samePair) { // an empty folder wakes for every write anywhere
				last, blind = pairs, false
				tell()
			}
			return meta.LastIndex, nil
		}, func(err error) {
			if err != nil {
				blind = true
				tell()
			}
		})
	}()
	return changes, nil
}
