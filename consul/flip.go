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

// Flip changes an alias, with the records that belong to it, in one Consul
// transaction, and answers the alias's new index. It fails whole, with an error
// that wraps catalog.ErrMoved, ErrLockLost, ErrUnhealthy or ErrTooManyChecks,
// or with what Consul answered.
//
// Health is checked inside the commit. Each node's guarded instances get a
// session bound to their checks; Consul deletes such a session in the same Raft
// write that turns a check critical, and the transaction takes a key with each
// session, which a deleted session can't.
func (s *Store) Flip(ctx context.Context, f catalog.Flip) (uint64, error) {
	doing := fmt.Sprintf("flip %s of %s from %s to %s", f.Alias, f.Service, f.From.Value, f.To)
	guards, err := s.guard(ctx, f)
	defer s.unguard(ctx, guards)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	steps := s.flipSteps(f, guards)
	if len(steps) > maxOps {
		return 0, fmt.Errorf("%s: %w: its instances are on %d nodes", doing, catalog.ErrTooManyChecks, len(guards))
	}
	return s.commit(ctx, doing, steps)
}

// flipSteps is the transaction: what must hold first, then what is written.
func (s *Store) flipSteps(f catalog.Flip, guards []guard) []step {
	var steps []step
	if f.LockSession != "" {
		steps = append(steps, s.holding(f.Service, f.Environment, f.LockSession))
	}
	for _, g := range guards {
		steps = append(steps, step{
			op:  api.KVTxnOp{Verb: api.KVLock, Key: s.keys.Guard(f.Service, f.Alias, g.node, g.session), Value: []byte(f.By), Session: g.session},
			why: fmt.Errorf("%w: a check of %s turned critical", catalog.ErrUnhealthy, strings.Join(g.instances, " or ")),
		})
	}
	steps = append(steps, step{
		op:  api.KVTxnOp{Verb: api.KVCAS, Key: s.keys.Alias(f.Service, f.Alias), Value: []byte(f.To.String()), Index: f.From.Index},
		why: fmt.Errorf("%w: it no longer is what it was when it was read (%s); look at `teal status %s` and try again", catalog.ErrMoved, f.From.Value, f.Service),
	}, set(s.keys.Flip(f.Service, f.Alias), f.Record().Encode()))
	if f.Deployment != nil {
		d := f.Deployment
		steps = append(steps, set(s.keys.Deployment(d.Service, d.Environment, d.ID), d.Encode()))
	}
	for t, r := range f.Releases {
		steps = append(steps, s.release(f.Service, t, r))
	}
	return steps
}

// release is the step that writes a release, if it is still what was read.
func (s *Store) release(service string, t catalog.Target, r catalog.Release) step {
	write := set(s.keys.Release(service, t), r.Encode())
	if r.Index > 0 {
		write.op.Verb, write.op.Index = api.KVCAS, r.Index
		write.why = fmt.Errorf("%w: a deployment is replacing what %s holds; look at `teal status %s` and try again", catalog.ErrMoved, t, service)
	}
	return write
}

// holding is the step that fails unless session holds the deployment lock.
func (s *Store) holding(service, env, session string) step {
	return step{
		op:  api.KVTxnOp{Verb: api.KVCheckSession, Key: s.keys.Lock(service, env), Session: session},
		why: fmt.Errorf("%w: another run has taken the lock of %s in %s", catalog.ErrLockLost, service, env),
	}
}

// refusal turns Consul's answer to a transaction into the step's own reason.
func refusal(doing string, steps []step, errs api.TxnErrors) error {
	for _, e := range errs {
		if e.OpIndex >= 0 && e.OpIndex < len(steps) && steps[e.OpIndex].why != nil {
			return fmt.Errorf("%s: %w", doing, steps[e.OpIndex].why)
		}
	}
	var what []string
	for _, e := range errs {
		what = append(what, e.What)
	}
	return fmt.Errorf("%s: Consul rolled the transaction back: %s", doing, strings.Join(what, "; "))
}

// guard is a session that lives as long as the checks of some instances of one
// node are not critical.
type guard struct {
	node      string
	session   string
	instances []string
}

// guard makes one session a node. What it has made is answered even with an
// error, to be destroyed.
func (s *Store) guard(ctx context.Context, f catalog.Flip) ([]guard, error) {
	byNode := map[string][]catalog.Instance{}
	for _, i := range f.Guards {
		if i.Health != catalog.Passing {
			return nil, fmt.Errorf("%w: %s is %s", catalog.ErrUnhealthy, i.ID, i.Health)
		}
		byNode[i.Node] = append(byNode[i.Node], i)
	}
	var guards []guard
	for _, node := range slices.Sorted(maps.Keys(byNode)) {
		g, err := s.guardNode(ctx, f, node, byNode[node])
		if err != nil {
			return guards, err
		}
		guards = append(guards, g)
	}
	return guards, nil
}

func (s *Store) guardNode(ctx context.Context, f catalog.Flip, node string, instances []catalog.Instance) (guard, error) {
	g := guard{node: node}
	entry := &api.SessionEntry{
		Name: fmt.Sprintf("teal flip %s/%s %s", f.Service, f.Alias, rand.Text()[:6]),
		Node: node, TTL: guardTTL, Behavior: api.SessionBehaviorDelete, LockDelay: lockDelay,
	}
	for _, i := range instances {
		g.instances = append(g.instances, i.ID)
		addChecks(entry, i)
	}
	create := s.api.Session().Create
	if len(entry.NodeChecks) == 0 {
		create = s.bareSession // nodes that no agent watches have no serfHealth to bind to
	}
	id, _, err := create(entry, s.write(ctx))
	if cannotBind(err) {
		return g, fmt.Errorf("%w: %s on %s: %w", catalog.ErrUnhealthy, strings.Join(g.instances, ", "), node, err)
	}
	g.session = id
	return g, s.explain(err, "bind a session to the checks of "+strings.Join(g.instances, ", "))
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

// unguard destroys guards, and with them their keys, even when ctx is over.
func (s *Store) unguard(ctx context.Context, guards []guard) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, g := range guards {
		if _, err := s.api.Session().Destroy(g.session, s.write(ctx)); err != nil {
			s.log.Debug("a guard session will run out by itself", "session", g.session, "error", err)
		}
	}
}
