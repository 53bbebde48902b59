package consul

import (
	"context"
	"fmt"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// HeldLock is the deployment lock of a service in an environment. It is false
// when there is none.
func (s *Store) HeldLock(ctx context.Context, service, env string) (catalog.HeldLock, bool, error) {
	key := s.keys.Lock(service, env)
	pair, _, err := s.api.KV().Get(key, s.query(ctx))
	if err != nil || pair == nil {
		return catalog.HeldLock{}, false, s.explain(err, "read who holds the lock "+key)
	}
	held := catalog.HeldLock{Session: pair.Session, Index: pair.ModifyIndex}
	if held.LockRecord, err = catalog.ParseLockRecord(pair.Value); err != nil {
		s.log.Warn("a lock's record can't be read", "key", key, "error", err)
		held.Holder = "somebody whose record can't be read"
	}
	if held.Session == "" {
		return held, true, nil
	}
	session, _, err := s.api.Session().Info(held.Session, s.query(ctx))
	if err != nil {
		return held, true, s.explain(err, "read the session that holds the lock "+key)
	}
	held.Alive = session != nil
	return held, true, nil
}

// BreakLock takes a lock away from its holder as it was read: the session ends,
// and with it the lock and every right to write under it. Where nobody's session
// held it, it fails with catalog.ErrLocked when somebody's does by now.
func (s *Store) BreakLock(ctx context.Context, service, env string, held catalog.HeldLock) error {
	key := s.keys.Lock(service, env)
	doing := "break the lock " + key
	left := &api.KVPair{Key: key, ModifyIndex: held.Index}
	if held.Session != "" {
		if _, err := s.api.Session().Destroy(held.Session, s.write(ctx)); err != nil {
			return s.explain(err, doing)
		}
		var err error
		if left, _, err = s.api.KV().Get(key, s.query(ctx)); err != nil || left == nil || left.Session != "" {
			return s.explain(err, doing) // gone, or the next one's
		}
	}
	done, _, err := s.api.KV().DeleteCAS(left, s.write(ctx))
	if err == nil && !done {
		return fmt.Errorf("%s: %w: somebody has taken it meanwhile", doing, catalog.ErrLocked)
	}
	return s.explain(err, doing)
}

// DeleteDeployment forgets a deployment as it was read, with what was decided
// about it, if session holds its lock. The error wraps catalog.ErrLockLost when it does not, and
// catalog.ErrChanged when the record was written since.
func (s *Store) DeleteDeployment(ctx context.Context, d catalog.Deployment, session string) error {
	_, err := s.commit(ctx, "delete the record of deployment "+d.ID, []step{
		s.holding(d.Service, d.Environment, session),
		{
			op:  api.KVTxnOp{Verb: api.KVDeleteCAS, Key: s.keys.Deployment(d.Service, d.Environment, d.ID), Index: d.Index},
			why: fmt.Errorf("%w; look at it again", catalog.ErrChanged),
		},
		{op: api.KVTxnOp{Verb: api.KVDelete, Key: s.keys.Decision(d.Service, d.Environment, d.ID)}},
	})
	return err
}
