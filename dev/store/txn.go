package store

import (
	"fmt"
)

// maxTxnOps is Consul's limit of operations in one transaction.
const maxTxnOps = 128

// Verbs of key-value operations in a transaction.
const (
	verbSet            = "set"
	verbCAS            = "cas"
	verbLock           = "lock"
	verbUnlock         = "unlock"
	verbGet            = "get"
	verbGetOrEmpty     = "get-or-empty"
	verbGetTree        = "get-tree"
	verbCheckIndex     = "check-index"
	verbCheckSession   = "check-session"
	verbCheckNotExists = "check-not-exists"
	verbDelete         = "delete"
	verbDeleteCAS      = "delete-cas"
	verbDeleteTree     = "delete-tree"
)

// kvOp is one key-value operation of a transaction.
type kvOp struct {
	Verb      string
	Key       string
	Value     []byte
	Flags     uint64
	Index     uint64
	Session   string
	Namespace string
	Partition string
}

func (op kvOp) entry() kvEntry {
	return kvEntry{Key: op.Key, Value: nonEmpty(op.Value), Flags: op.Flags, Session: op.Session}
}

func (op kvOp) writes() bool {
	switch op.Verb {
	case verbSet, verbCAS, verbLock, verbUnlock, verbDelete, verbDeleteCAS, verbDeleteTree:
		return true
	}
	return false
}

// known reports whether the verb exists.
func (op kvOp) known() bool {
	switch op.Verb {
	case verbGet, verbGetOrEmpty, verbGetTree, verbCheckIndex, verbCheckSession, verbCheckNotExists:
		return true
	}
	return op.writes()
}

// txnResult is one result of a transaction.
type txnResult struct {
	KV *kvEntry
}

// txnError says which operation failed and why.
type txnError struct {
	OpIndex int
	What    string
}

// runTxn applies the operations in order. If any fails the caller must drop
// the write: the errors of all failed operations are returned, no results.
func (w *write) runTxn(ops []kvOp) ([]txnResult, []txnError) {
	if errs := w.vetTxn(ops); len(errs) > 0 {
		return nil, errs
	}
	results := []txnResult{}
	var errs []txnError
	for i, op := range ops {
		entries, err := w.runOp(op)
		if err != nil {
			errs = append(errs, txnError{OpIndex: i, What: err.Error()})
			continue
		}
		for _, e := range entries {
			results = append(results, txnResult{KV: e})
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return results, nil
}

// vetTxn finds what fails before anything is applied, as Consul does.
func (w *write) vetTxn(ops []kvOp) []txnError {
	var errs []txnError
	for i, op := range ops {
		switch {
		case op.Key == "" && op.Verb != verbDeleteTree:
			errs = append(errs, txnError{i, "Must provide key"})
		case !op.known():
			errs = append(errs, txnError{i, fmt.Sprintf("unknown KV operation: %s", op.Verb)})
		case op.Verb == verbLock && w.delayed(op.Key):
			errs = append(errs, txnError{i, fmt.Sprintf("failed to lock key %q due to lock delay", op.Key)})
		}
	}
	return errs
}

// runOp applies one operation. Results of writes and checks come without the
// value, those of reads with it.
func (w *write) runOp(op kvOp) ([]*kvEntry, error) {
	switch op.Verb {
	case verbGet, verbGetOrEmpty, verbGetTree:
		return w.readOp(op)
	case verbDelete, verbDeleteCAS, verbDeleteTree:
		return nil, w.deleteOp(op)
	case verbCheckNotExists:
		if w.get(op.Key) != nil {
			return nil, fmt.Errorf("key %q exists", op.Key)
		}
		return nil, nil
	}
	run := w.storeOp
	if !op.writes() {
		run = w.checkOp
	}
	e, err := run(op)
	if err != nil {
		return nil, err
	}
	bare := *e
	bare.Value = nil
	return []*kvEntry{&bare}, nil
}

func (w *write) readOp(op kvOp) ([]*kvEntry, error) {
	if op.Verb == verbGetTree {
		return w.listTree(op.Key), nil
	}
	e := w.get(op.Key)
	if e == nil && op.Verb == verbGetOrEmpty {
		return []*kvEntry{{Key: op.Key, Flags: op.Flags}}, nil
	}
	if e == nil {
		return nil, fmt.Errorf("key %q doesn't exist", op.Key)
	}
	return []*kvEntry{e}, nil
}

func (w *write) deleteOp(op kvOp) error {
	switch op.Verb {
	case verbDeleteTree:
		w.deleteTree(op.Key)
	case verbDelete:
		w.deleteKey(op.Key)
	default:
		if !w.deleteKeyCAS(op.Key, op.Index) {
			return fmt.Errorf("failed to delete key %q, index is stale", op.Key)
		}
	}
	return nil
}

func (w *write) storeOp(op kvOp) (e *kvEntry, err error) {
	refusal := ""
	switch op.Verb {
	case verbSet:
		e = w.setKey(op.entry())
	case verbCAS:
		e = w.casKey(op.entry(), op.Index)
		refusal = "failed to set key %q, index is stale"
	case verbLock:
		e, err = w.lockKey(op.entry())
		refusal = "failed to lock key %q, lock is already held"
	case verbUnlock:
		e, err = w.unlockKey(op.entry())
		refusal = "failed to unlock key %q, lock isn't held, or is held by another session"
	}
	if err == nil && e == nil {
		err = fmt.Errorf(refusal, op.Key)
	}
	return e, err
}

func (w *write) checkOp(op kvOp) (*kvEntry, error) {
	e := w.get(op.Key)
	if op.Verb == verbCheckSession {
		switch {
		case e == nil:
			return nil, fmt.Errorf("failed to check session, key %q doesn't exist", op.Key)
		case e.Session != op.Session:
			return nil, fmt.Errorf("failed session check for key %q, current session %q != %q", op.Key, e.Session, op.Session)
		}
		return e, nil
	}
	switch {
	case e == nil:
		return nil, fmt.Errorf("failed to check index, key %q doesn't exist", op.Key)
	case e.ModifyIndex != op.Index:
		return nil, fmt.Errorf("failed index check for key %q, current modify index %d != %d", op.Key, e.ModifyIndex, op.Index)
	}
	return e, nil
}

// nonEmpty turns an empty value into none, which Consul shows as null.
func nonEmpty(value []byte) []byte {
	if len(value) == 0 {
		return nil
	}
	return value
}
