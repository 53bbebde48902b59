package consul

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// putTries is how often a record is written anew that changes while it is written:
// by an earlier try that nobody waited for, and that Consul did all the same.
const putTries = 5

// PutDeployment writes the record of a deployment, if session still holds its
// lock; otherwise the error wraps catalog.ErrLockLost. A record does not go back: one
// that what is there has passed is refused with catalog.ErrChanged, and a write that
// Consul gets round to late, after another, does nothing.
func (s *Store) PutDeployment(ctx context.Context, d catalog.Deployment, session string) error {
	doing := "record deployment " + d.ID
	var err error
	for range putTries {
		if err = s.tryPutDeployment(ctx, doing, d, session); !errors.Is(err, errRewritten) {
			return err
		}
	}
	return err
}

// errRewritten: a record was written between its reading and its writing.
var errRewritten = fmt.Errorf("%w; try again", catalog.ErrChanged)

func (s *Store) tryPutDeployment(ctx context.Context, doing string, d catalog.Deployment, session string) error {
	key := s.keys.Deployment(d.Service, d.Environment, d.ID)
	pair, _, err := s.api.KV().Get(key, s.query(ctx))
	if err != nil {
		return s.explain(err, doing)
	}
	holding := s.holding(d.Service, d.Environment, session)
	write := step{op: api.KVTxnOp{Verb: api.KVCAS, Key: key, Value: d.Encode()}, why: errRewritten}
	if pair != nil {
		write.op.Index = pair.ModifyIndex
		if now, err := catalog.ParseDeployment(pair.Value); err == nil && now.HasPassed(d) {
			if _, err := s.commit(ctx, doing, []step{holding}); err != nil {
				return err
			}
			return fmt.Errorf("%s: %w: it is %s by now", doing, catalog.ErrChanged, now.State)
		}
	}
	_, err = s.commit(ctx, doing, []step{holding, write})
	return err
}

// Deployments are the recorded deployments of a service in an environment,
// oldest first. Records that can't be read are left out and logged.
func (s *Store) Deployments(ctx context.Context, service, env string) ([]catalog.Deployment, error) {
	pairs, _, err := s.api.KV().List(s.keys.Deployments(service, env), s.query(ctx))
	if err != nil {
		return nil, s.explain(err, fmt.Sprintf("read the deployments of %s in %s", service, env))
	}
	var list []catalog.Deployment
	for _, p := range pairs {
		d, err := catalog.ParseDeployment(p.Value)
		if err != nil {
			s.log.Warn("a deployment record can't be read", "key", p.Key, "error", err)
			continue
		}
		d.Index = p.ModifyIndex
		list = append(list, d)
	}
	return list, nil
}

// PutRelease records what a target holds, under the environment's lock.
func (s *Store) PutRelease(ctx context.Context, service string, t catalog.Target, r catalog.Release, session string) error {
	key := s.keys.Release(service, t)
	_, err := s.commit(ctx, "record release "+key, []step{
		s.holding(service, t.Environment, session), set(key, r.Encode()),
	})
	return err
}

// StageRelease records what a target is about to hold instead of old, under the
// environment's lock, if neither the alias nor the record has changed since they
// were read; else the error wraps catalog.ErrMoved.
func (s *Store) StageRelease(ctx context.Context, service string, t catalog.Target, old *catalog.Release, r catalog.Release, alias catalog.Alias, session string) error {
	key := s.keys.Release(service, t)
	write := step{
		op:  api.KVTxnOp{Verb: api.KVCAS, Key: key, Value: r.Encode()},
		why: fmt.Errorf("%w: what %s holds was changed meanwhile; look at `teal status %s` and try again", catalog.ErrMoved, t, service),
	}
	if old != nil {
		write.op.Index = old.Index
	}
	_, err := s.commit(ctx, "record release "+key, []step{
		s.holding(service, t.Environment, session), s.unmoved(service, t.Environment, alias), write,
	})
	return err
}

// unmoved is the step that fails when an alias is not as it was read.
func (s *Store) unmoved(service, name string, alias catalog.Alias) step {
	check := step{
		op:  api.KVTxnOp{Verb: api.KVCheckNotExists, Key: s.keys.Alias(service, name)},
		why: fmt.Errorf("%w: %s no longer is what it was when it was read (%s)", catalog.ErrMoved, name, alias.Value),
	}
	if alias.Index > 0 {
		check.op.Verb, check.op.Index = api.KVCheckIndex, alias.Index
	}
	return check
}

// DeleteRelease forgets what a target holds, under the environment's lock.
func (s *Store) DeleteRelease(ctx context.Context, service string, t catalog.Target, session string) error {
	key := s.keys.Release(service, t)
	_, err := s.commit(ctx, "delete release "+key, []step{
		s.holding(service, t.Environment, session), {op: api.KVTxnOp{Verb: api.KVDelete, Key: key}},
	})
	return err
}

// configTries is how often a change of a service's configuration is tried that
// loses to another.
const configTries = 10

// UpdateServiceConfig changes what a service says about itself: change gets what
// is there, zero if nothing, and answers what shall be. It is called again when
// somebody else was faster. What stays the same is not written, and what says nothing
// has no key.
func (s *Store) UpdateServiceConfig(ctx context.Context, service string, change func(catalog.ServiceConfig) catalog.ServiceConfig) error {
	key := s.keys.Service(service)
	for range configTries {
		done, err := s.tryConfig(ctx, key, change)
		if done || err != nil {
			return s.explain(err, "write the configuration "+key)
		}
	}
	return fmt.Errorf("write the configuration %s: somebody else changes it all the time; try again", key)
}

func (s *Store) tryConfig(ctx context.Context, key string, change func(catalog.ServiceConfig) catalog.ServiceConfig) (bool, error) {
	old, _, err := s.api.KV().Get(key, s.query(ctx))
	if err != nil {
		return false, err
	}
	pair := &api.KVPair{Key: key}
	var config catalog.ServiceConfig
	if old != nil {
		pair.ModifyIndex, pair.Value = old.ModifyIndex, old.Value
		if config, err = catalog.ParseServiceConfig(old.Value); err != nil {
			s.log.Warn("a service's configuration can't be read and is replaced", "key", key, "error", err)
		}
	}
	next := change(config)
	value := next.Encode()
	switch {
	case bytes.Equal(pair.Value, value), next.IsZero() && old == nil:
		return true, nil
	case next.IsZero() && !config.IsZero(): // as if nobody had ever said anything
		done, _, err := s.api.KV().DeleteCAS(pair, s.write(ctx))
		return done, err
	}
	pair.Value = value
	done, _, err := s.api.KV().CAS(pair, s.write(ctx))
	return done, err
}

// Routers are the routers that are alive, as far as their sessions tell.
func (s *Store) Routers(ctx context.Context) ([]catalog.RouterRecord, error) {
	pairs, _, err := s.api.KV().List(s.keys.Routers(), s.query(ctx))
	if err != nil {
		return nil, s.explain(err, "read which routers live")
	}
	var list []catalog.RouterRecord
	for _, p := range pairs {
		if p.Session == "" {
			continue // left by hand: no router holds it
		}
		r, err := catalog.ParseRouterRecord(p.Value)
		if err != nil {
			return nil, fmt.Errorf("read the router's record %s: %w", p.Key, err)
		}
		list = append(list, r)
	}
	return list, nil
}
