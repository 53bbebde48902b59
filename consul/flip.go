package consul

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

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
	return s.FlipTogether(ctx, []catalog.Flip{f})
}

// FlipTogether is Flip for several aliases, of one service or of several: all of
// them change in one transaction, at the index it answers, or none does. Each
// flip brings its own lock, guards and records. An alias that is named twice is
// refused.
func (s *Store) FlipTogether(ctx context.Context, flips []catalog.Flip) (uint64, error) {
	doing := describe(flips)
	steps, err := s.prepare(flips)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	defer s.unguard(ctx, steps)
	if err := s.bind(ctx, steps); err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	return s.commit(ctx, doing, steps)
}

func describe(flips []catalog.Flip) string {
	texts := make([]string, len(flips))
	for n, f := range flips {
		texts[n] = fmt.Sprintf("%s of %s from %s to %s", f.Alias, f.Service, f.From.Value, f.To)
	}
	return "flip " + strings.Join(texts, " and ")
}

// prepare is the transaction, whose guards have no sessions yet. It asks nothing
// of Consul.
func (s *Store) prepare(flips []catalog.Flip) ([]step, error) {
	if len(flips) == 0 {
		return nil, errors.New("there is nothing to flip; name an alias")
	}
	var conditions, writes []step
	seen, nodes := map[string]bool{}, 0
	for _, f := range flips {
		key := s.keys.Alias(f.Service, f.Alias)
		if seen[key] {
			return nil, fmt.Errorf("%s of %s is in it twice; flip an alias once at a time", f.Alias, f.Service)
		}
		seen[key] = true
		guards, err := s.guards(f)
		if err != nil {
			return nil, err
		}
		nodes += len(guards)
		conditions = append(s.underLock(conditions, f), guards...)
		writes = s.flipWrites(writes, f)
	}
	steps := slices.Concat(conditions, writes)
	if len(steps) > maxOps {
		return nil, tooMany(len(flips), len(steps), nodes)
	}
	return steps, nil
}

func tooMany(flips, ops, nodes int) error {
	next := "have its instances on fewer nodes"
	if flips > 1 {
		next = "flip fewer services together"
	}
	return fmt.Errorf("%w: vouching for instances on %d nodes takes %d operations and Consul does %d at once; %s",
		catalog.ErrTooManyChecks, nodes, ops, maxOps, next)
}

// underLock adds the condition that the flip's lock is held, unless it is there.
func (s *Store) underLock(steps []step, f catalog.Flip) []step {
	if f.LockSession == "" {
		return steps
	}
	h := s.holding(f.Service, f.Environment, f.LockSession)
	if slices.ContainsFunc(steps, func(other step) bool { return other.op.Key == h.op.Key && other.op.Session == h.op.Session }) {
		return steps
	}
	return append(steps, h)
}

// flipWrites adds what a flip writes.
func (s *Store) flipWrites(steps []step, f catalog.Flip) []step {
	steps = append(steps, step{
		op: api.KVTxnOp{Verb: api.KVCAS, Key: s.keys.Alias(f.Service, f.Alias), Value: []byte(f.To.String()), Index: f.From.Index},
		why: fmt.Errorf("%w: %s of %s no longer is what it was when it was read (%s); look at `teal status %s` and try again",
			catalog.ErrMoved, f.Alias, f.Service, f.From.Value, f.Service),
	}, set(s.keys.Flip(f.Service, f.Alias), f.Record().Encode()))
	if f.Deployment != nil {
		d := f.Deployment
		steps = addWrite(steps, set(s.keys.Deployment(d.Service, d.Environment, d.ID), d.Encode()), true)
	}
	for t, r := range f.Releases {
		steps = addWrite(steps, s.release(f.Service, t, r), t.Environment == f.Alias)
	}
	return steps
}

// addWrite adds a write of a record that another flip of the transaction may
// write too, as when two aliases of a service move to one target: a key can be
// compared and written once. The one that counts wins.
func addWrite(steps []step, write step, counts bool) []step {
	at := slices.IndexFunc(steps, func(other step) bool { return other.op.Key == write.op.Key })
	switch {
	case at < 0:
		return append(steps, write)
	case counts && !bytes.Equal(steps[at].op.Value, write.op.Value):
		steps[at] = write
	}
	return steps
}

// release is the step that writes a release, if it is still what was read.
func (s *Store) release(service string, t catalog.Target, r catalog.Release) step {
	write := set(s.keys.Release(service, t), r.Encode())
	if r.Index > 0 {
		write.op.Verb, write.op.Index = api.KVCAS, r.Index
		write.why = fmt.Errorf("%w: a deployment is replacing what %s of %s holds; look at `teal status %s` and try again", catalog.ErrMoved, t, service, service)
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
	if slices.ContainsFunc(errs, func(e *api.TxnError) bool { return strings.Contains(e.What, "Permission denied") }) {
		return fmt.Errorf("%s: %w; %s", doing, catalog.ErrDenied, tokenHint)
	}
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
