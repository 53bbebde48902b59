package consul

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// guardTTL ends the guard sessions of a process that died during a flip.
const guardTTL = "10s"

// guard is what a step vouches for: instances of one node, by a session that
// lives as long as none of their checks is critical.
type guard struct {
	flip      catalog.Flip
	node      string
	instances []catalog.Instance
}

// guards are the steps that vouch for a flip's instances, one a node, without
// their sessions.
func (s *Store) guards(f catalog.Flip) ([]step, error) {
	byNode := map[string][]catalog.Instance{}
	for _, i := range f.Guards {
		if i.Health != catalog.Passing {
			return nil, fmt.Errorf("%w: %s of %s is %s", catalog.ErrUnhealthy, i.ID, f.Service, i.Health)
		}
		byNode[i.Node] = append(byNode[i.Node], i)
	}
	var steps []step
	for _, node := range slices.Sorted(maps.Keys(byNode)) {
		g := &guard{flip: f, node: node, instances: byNode[node]}
		steps = append(steps, step{
			op:    api.KVTxnOp{Verb: api.KVLock, Value: []byte(f.By)},
			why:   fmt.Errorf("%w: a check of %s of %s turned critical", catalog.ErrUnhealthy, strings.Join(g.ids(), " or "), f.Service),
			guard: g,
		})
	}
	return steps, nil
}

func (g *guard) ids() []string {
	var ids []string
	for _, i := range g.instances {
		ids = append(ids, i.ID)
	}
	return ids
}

// bind gives each guard among the steps its session. Those that it has made are
// there even with an error, to be destroyed.
func (s *Store) bind(ctx context.Context, steps []step) error {
	for n := range steps {
		op, g := &steps[n].op, steps[n].guard
		if g == nil {
			continue
		}
		session, err := s.guardSession(ctx, g)
		if err != nil {
			return err
		}
		op.Session, op.Key = session, s.keys.Guard(g.flip.Service, g.flip.Alias, g.node, session)
	}
	return nil
}

func (s *Store) guardSession(ctx context.Context, g *guard) (string, error) {
	entry := &api.SessionEntry{
		Name: fmt.Sprintf("teal flip %s/%s %s", g.flip.Service, g.flip.Alias, rand.Text()[:6]),
		Node: g.node, TTL: guardTTL, Behavior: api.SessionBehaviorDelete, LockDelay: lockDelay,
	}
	for _, i := range g.instances {
		addChecks(entry, i)
	}
	create := s.api.Session().Create
	if len(entry.NodeChecks) == 0 {
		create = s.bareSession // nodes that no agent watches have no serfHealth to bind to
	}
	id, _, err := create(entry, s.write(ctx))
	whose := fmt.Sprintf("%s of %s", strings.Join(g.ids(), ", "), g.flip.Service)
	if cannotBind(err) {
		return "", fmt.Errorf("%w: %s on %s: %w", catalog.ErrUnhealthy, whose, g.node, err)
	}
	return id, s.explain(err, "bind a session to the checks of "+whose)
}

func addChecks(entry *api.SessionEntry, i catalog.Instance) {
	for _, c := range i.Checks {
		switch {
		case !c.OfNode:
			entry.ServiceChecks = append(entry.ServiceChecks, api.ServiceCheck{ID: c.ID})
		case !slices.Contains(entry.NodeChecks, c.ID):
			entry.NodeChecks = append(entry.NodeChecks, c.ID)
		}
	}
}

// bareSession creates a session without the serfHealth check that the SDK's
// Create adds by itself.
func (s *Store) bareSession(entry *api.SessionEntry, w *api.WriteOptions) (string, *api.WriteMeta, error) {
	var out struct{ ID string }
	body := map[string]any{
		"Name": entry.Name, "Node": entry.Node, "TTL": entry.TTL, "Behavior": entry.Behavior,
		"LockDelay": entry.LockDelay.String(), "NodeChecks": []string{}, "ServiceChecks": entry.ServiceChecks,
	}
	meta, err := s.api.Raw().Write("/v1/session/create", body, &out, w)
	return out.ID, meta, err
}

// cannotBind tells whether Consul would not bind a session because a check is
// critical or gone. It says so only in words.
func cannotBind(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) &&
		(strings.Contains(status.Body, "critical state") || strings.Contains(status.Body, "Missing check"))
}

// unguard destroys the sessions of the guards among the steps, and with them
// their keys, even when ctx is over.
func (s *Store) unguard(ctx context.Context, steps []step) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, st := range steps {
		if st.guard == nil || st.op.Session == "" {
			continue
		}
		if _, err := s.api.Session().Destroy(st.op.Session, s.write(ctx)); err != nil {
			s.log.Debug("a guard session will run out by itself", "session", st.op.Session, "error", err)
		}
	}
}
