package consul

import (
	"bytes"
	"context"
	"fmt"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// PutDeployment writes the record of a deployment, if session still holds its
// lock; otherwise the error wraps catalog.ErrLockLost.
func (s *Store) PutDeployment(ctx context.Context, d catalog.Deployment, session string) error {
	_, err := s.commit(ctx, "record deployment "+d.ID, []step{
		s.holding(d.Service, d.Environment, session),
		set(s.keys.Deployment(d.Service, d.Environment, d.ID), d.Encode()),
	})
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

// DeleteRelease forgets what a target holds, under the environment's lock.
func (s *Store) DeleteRelease(ctx context.Context, service string, t catalog.Target, session string) error {
	key := s.keys.Release(service, t)
	_, err := s.commit(ctx, "delete release "+key, []step{
		s.holding(service, t.Environment, session), {op: api.KVTxnOp{Verb: api.KVDelete, Key: key}},
	})
	return err
}

// PutServiceConfig writes what a service says about itself, if that differs
// from what is there.
func (s *Store) PutServiceConfig(ctx context.Context, service string, c catalog.ServiceConfig) error {
	key := s.keys.Service(service)
	doing := "write the configuration " + key
	old, _, err := s.api.KV().Get(key, s.query(ctx))
	if err != nil {
		return s.explain(err, doing)
	}
	if old != nil && bytes.Equal(old.Value, c.Encode()) {
		return nil
	}
	_, err = s.api.KV().Put(&api.KVPair{Key: key, Value: c.Encode()}, s.write(ctx))
	return s.explain(err, doing)
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
