package consul

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// decideTries is how often a decision is tried while the deployment goes on
// under it, or somebody else decides.
const decideTries = 10

// errOvertaken: what a decision rests on was written while it was made.
var errOvertaken = errors.New("the deployment or the word about it changes all the time; try again")

// Decide writes somebody's word about a deployment. A later word replaces an
// earlier one. It is refused, in a sentence, when the deployment has no record or
// has ended, and when it is to be approved after it was aborted.
func (s *Store) Decide(ctx context.Context, service, env, id string, d catalog.Decision) error {
	doing := fmt.Sprintf("%s deployment %s of %s in %s", d.Verdict, id, service, env)
	if _, err := catalog.ParseDecision(d.Encode()); err != nil {
		return fmt.Errorf("decide about deployment %s of %s in %s: %w", id, service, env, err)
	}
	err := errOvertaken
	for n := 0; n < decideTries && errors.Is(err, errOvertaken); n++ {
		err = s.tryDecide(ctx, doing, service, env, id, d)
	}
	return err
}

// tryDecide fails with errOvertaken when what it has read has changed before it
// wrote.
func (s *Store) tryDecide(ctx context.Context, doing, service, env, id string, d catalog.Decision) error {
	about, err := s.undecided(ctx, doing, service, env, id)
	if err != nil {
		return err
	}
	before, err := s.decided(ctx, doing, service, env, id, d)
	if err != nil {
		return err
	}
	_, err = s.commit(ctx, doing, []step{
		{op: api.KVTxnOp{Verb: api.KVCheckIndex, Key: about.Key, Index: about.ModifyIndex}, why: errOvertaken},
		{
			op:  api.KVTxnOp{Verb: api.KVCAS, Key: s.keys.Decision(service, env, id), Value: d.Encode(), Index: before},
			why: errOvertaken,
		},
	})
	return err
}

// undecided is the record of a deployment that something can still be decided
// about.
func (s *Store) undecided(ctx context.Context, doing, service, env, id string) (*api.KVPair, error) {
	pair, _, err := s.api.KV().Get(s.keys.Deployment(service, env, id), s.query(ctx))
	if err != nil {
		return nil, s.explain(err, doing)
	}
	if pair == nil {
		return nil, fmt.Errorf("%s: there is no such deployment; `teal history %s` lists them", doing, service)
	}
	about, err := catalog.ParseDeployment(pair.Value)
	if err != nil {
		return nil, fmt.Errorf("%s: its record %s can't be read; look at it with `consul kv get`: %w", doing, pair.Key, err)
	}
	if about.State.Ended() {
		return nil, fmt.Errorf("%s: it has ended, %s; there is nothing left to decide", doing, about.State)
	}
	return pair, nil
}

// decided is the index of the word that d would replace, 0 when there is none.
func (s *Store) decided(ctx context.Context, doing, service, env, id string, d catalog.Decision) (uint64, error) {
	key := s.keys.Decision(service, env, id)
	pair, _, err := s.api.KV().Get(key, s.query(ctx))
	if err != nil || pair == nil {
		return 0, s.explain(err, doing)
	}
	before, err := catalog.ParseDecision(pair.Value)
	switch {
	case err != nil:
		s.log.Warn("a decision can't be read and is replaced", "key", key, "error", err)
	case before.Verdict == catalog.Abort && d.Verdict == catalog.Approve:
		return 0, fmt.Errorf("%s: %s has aborted it, and everything is put back; deploy again", doing, cmp.Or(before.By, "somebody"))
	}
	return pair.ModifyIndex, nil
}

// Decision is the last word about a deployment. It is false when nobody has
// spoken.
func (s *Store) Decision(ctx context.Context, service, env, id string) (catalog.Decision, bool, error) {
	key := s.keys.Decision(service, env, id)
	doing := "read the decision " + key
	pair, _, err := s.api.KV().Get(key, s.query(ctx))
	if err != nil || pair == nil {
		return catalog.Decision{}, false, s.explain(err, doing)
	}
	d, err := catalog.ParseDecision(pair.Value)
	if err != nil {
		return catalog.Decision{}, false, fmt.Errorf("%s: %w; decide again to replace it", doing, err)
	}
	d.Index = pair.ModifyIndex
	return d, true, nil
}
