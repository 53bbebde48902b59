package store

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
)

// errRolledBack makes update drop a transaction's changes.
var errRolledBack = errors.New("rolled back")

// txnOp is one operation of a transaction's body. The store runs only those on
// keys; null stands for none.
type txnOp struct {
	KV      *kvOp
	Node    *json.RawMessage
	Service *json.RawMessage
	Check   *json.RawMessage
	Session *json.RawMessage
}

type txnReply struct {
	Results []txnResult
	Errors  []txnError
}

// readTxnReply is what Consul answers to a transaction without writes.
type readTxnReply struct {
	txnReply
	Index                 uint64
	LastContact           int
	KnownLeader           bool
	ConsistencyLevel      string
	NotModified           bool
	Backend               int
	ResultsFilteredByACLs bool
}

// putTxn runs a transaction: all of it at one index, or nothing and 409.
func (s *Store) putTxn(r *http.Request, _ string) (reply, error) {
	ops, err := readTxn(r)
	if err != nil {
		return reply{}, err
	}
	var out txnReply
	err = s.update(func(w *write) error {
		out.Results, out.Errors = w.runTxn(ops)
		if len(out.Errors) > 0 {
			return errRolledBack
		}
		return nil
	})
	answer := reply{body: out}
	if err != nil {
		answer.status = http.StatusConflict
	}
	if !slices.ContainsFunc(ops, kvOp.writes) {
		answer.body = readTxnReply{txnReply: out, Index: firstIndex, KnownLeader: true}
	}
	return answer, nil
}

func readTxn(r *http.Request) ([]kvOp, error) {
	if r.ContentLength > maxValueSize {
		return nil, tooLarge("Request body(%d bytes) too large, max size: %d bytes.", r.ContentLength, maxValueSize)
	}
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxValueSize))
	decoder.DisallowUnknownFields()
	var body []txnOp
	if err := decoder.Decode(&body); err != nil {
		var over *http.MaxBytesError
		if errors.As(err, &over) {
			return nil, tooLarge("Request body too large, max size: %d bytes.", maxValueSize)
		}
		return nil, badRequest("Failed to parse body: %v", err)
	}
	if len(body) > maxTxnOps {
		return nil, tooLarge("Transaction contains too many operations (%d > %d)", len(body), maxTxnOps)
	}
	return kvOps(body)
}

// kvOps refuses transactions on anything but keys. Like Consul it skips
// operations that are empty.
func kvOps(body []txnOp) ([]kvOp, error) {
	var ops []kvOp
	for i, op := range body {
		if op.Node != nil || op.Service != nil || op.Check != nil || op.Session != nil {
			return nil, badRequest("operation %d is not on a key, which the embedded store doesn't serve; use a Consul agent", i)
		}
		if op.KV != nil {
			ops = append(ops, *op.KV)
		}
	}
	return ops, nil
}
