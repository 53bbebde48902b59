package consul

import (
	"context"

	"github.com/hashicorp/consul/api"
)

// maxOps is how many operations one Consul transaction takes.
const maxOps = 128

// step is one operation of a transaction, and the error that it failing means.
type step struct {
	op    api.KVTxnOp
	why   error
	guard *guard // what it vouches for, if that
}

// commit runs the steps as one transaction. It answers the index of the write,
// or the reason of the first step that failed.
func (s *Store) commit(ctx context.Context, doing string, steps []step) (uint64, error) {
	ops := make(api.TxnOps, len(steps))
	for i := range steps {
		ops[i] = &api.TxnOp{KV: &steps[i].op}
	}
	ok, resp, _, err := s.api.Txn().Txn(ops, s.query(ctx))
	if err != nil {
		return 0, s.explain(err, doing)
	}
	if !ok {
		return 0, refusal(doing, steps, resp.Errors)
	}
	var index uint64
	for _, r := range resp.Results {
		if r.KV != nil {
			index = max(index, r.KV.ModifyIndex)
		}
	}
	return index, nil
}

func set(key string, value []byte) step {
	return step{op: api.KVTxnOp{Verb: api.KVSet, Key: key, Value: value}}
}
