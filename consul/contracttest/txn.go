package contracttest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"
)

var txnContracts = []contract{
	{name: "txn is one commit", run: txnOneCommit},
	{name: "txn is all or nothing", run: txnAtomic},
	{name: "txn conditions", run: txnConditions},
	{name: "txn sees its own writes", run: txnOwnWrites},
	{name: "txn compares with its own writes", run: txnComparesOwnWrites},
	{name: "txn locks", run: txnLocks},
	{name: "txn names the session that has ended", run: txnNamesEndedSession},
	{name: "txn deletes", run: txnDeletes},
	{name: "txn reads", run: txnReads},
	{name: "txn limits", run: txnLimits},
}

func kvOp(verb api.KVOp, key, value string, with ...func(*api.KVTxnOp)) *api.TxnOp {
	op := &api.KVTxnOp{Verb: verb, Key: key}
	if value != "" {
		op.Value = []byte(value)
	}
	for _, apply := range with {
		apply(op)
	}
	return &api.TxnOp{KV: op}
}

func withIndex(index uint64) func(*api.KVTxnOp) {
	return func(op *api.KVTxnOp) { op.Index = index }
}

func withSession(id string) func(*api.KVTxnOp) {
	return func(op *api.KVTxnOp) { op.Session = id }
}

// commit runs a transaction that must succeed.
func (e *env) commit(ops ...*api.TxnOp) []*api.KVPair {
	e.t.Helper()
	ok, answer, _, err := e.client.Txn().Txn(ops, nil)
	require.NoError(e.t, err)
	require.True(e.t, ok, "%+v", answer.Errors)
	require.Empty(e.t, answer.Errors)
	var pairs []*api.KVPair
	for _, result := range answer.Results {
		pairs = append(pairs, result.KV)
	}
	return pairs
}

// rollback runs a transaction that must fail.
func (e *env) rollback(ops ...*api.TxnOp) api.TxnErrors {
	e.t.Helper()
	ok, answer, _, err := e.client.Txn().Txn(ops, nil)
	require.NoError(e.t, err)
	require.False(e.t, ok)
	require.Empty(e.t, answer.Results)
	require.NotEmpty(e.t, answer.Errors)
	return answer.Errors
}

func txnOneCommit(t *testing.T, e *env) {
	results := e.commit(
		kvOp(api.KVSet, e.key("a"), "1"),
		kvOp(api.KVCAS, e.key("b"), "2"),
		kvOp(api.KVSet, e.key("c"), "3", func(op *api.KVTxnOp) { op.Flags = 9 }))
	require.Len(t, results, 3)
	for i, name := range []string{"a", "b", "c"} {
		pair := e.must(e.key(name))
		require.Equal(t, fmt.Sprint(i+1), string(pair.Value))
		require.Equal(t, e.key(name), results[i].Key)
		require.Equal(t, results[0].ModifyIndex, results[i].ModifyIndex, "one index for all")
		require.Equal(t, results[0].ModifyIndex, pair.ModifyIndex)
		require.Empty(t, results[i].Value, "writes answer without the value")
	}
	require.EqualValues(t, 9, e.must(e.key("c")).Flags)

	list := e.watchList(e.unique)
	e.commit(kvOp(api.KVSet, e.key("a"), "x"), kvOp(api.KVSet, e.key("b"), "x"))
	list.wakes("for a transaction")
	list.sleeps("there was only one")
}

func txnAtomic(t *testing.T, e *env) {
	e.put(e.key("a"), "old")
	list := e.watchList(e.unique)
	errs := e.rollback(
		kvOp(api.KVSet, e.key("a"), "new"),
		kvOp(api.KVDelete, e.key("a"), ""),
		kvOp(api.KVCheckIndex, e.key("a"), "", withIndex(1)),
		kvOp(api.KVSet, e.key("b"), "new"),
		kvOp(api.KVGet, e.key("c"), ""))
	require.Equal(t, []int{2, 4}, failedOps(errs), "all that failed are named")
	for _, failed := range errs {
		require.NotEmpty(t, failed.What)
	}
	list.sleeps("nothing happened")
	require.Equal(t, "old", string(e.must(e.key("a")).Value))
	require.Nil(t, e.get(e.key("b")))

	status, _ := e.request("PUT", "/v1/txn", fmt.Sprintf(`[{"KV":{"Verb":"get","Key":%q}}]`, e.key("c")))
	require.Equal(t, http.StatusConflict, status)
}

func failedOps(errs api.TxnErrors) []int {
	var indexes []int
	for _, failed := range errs {
		indexes = append(indexes, failed.OpIndex)
	}
	return indexes
}

func txnConditions(t *testing.T, e *env) {
	key, missing := e.key("a"), e.key("missing")
	e.put(key, "x")
	index := e.must(key).ModifyIndex

	e.commit(kvOp(api.KVCheckIndex, key, "", withIndex(index)))
	e.commit(kvOp(api.KVCheckNotExists, missing, ""))
	e.commit(kvOp(api.KVCAS, key, "y", withIndex(index)))
	e.rollback(kvOp(api.KVCheckIndex, key, "", withIndex(index)))
	e.rollback(kvOp(api.KVCheckIndex, missing, "", withIndex(index)))
	e.rollback(kvOp(api.KVCheckNotExists, key, ""))
	e.rollback(kvOp(api.KVCAS, key, "z", withIndex(index)))
	e.rollback(kvOp(api.KVCAS, key, "z", withIndex(0)))
	e.rollback(kvOp(api.KVCAS, missing, "z", withIndex(index)))
	e.rollback(kvOp(api.KVCheckSession, missing, "", withSession("x")))
	require.Equal(t, "y", string(e.must(key).Value))

	same := e.commit(kvOp(api.KVSet, key, "y"))
	require.Equal(t, e.must(key).ModifyIndex, same[0].ModifyIndex, "an unchanged key keeps its index")
}

func txnOwnWrites(t *testing.T, e *env) {
	results := e.commit(
		kvOp(api.KVSet, e.key("p/a"), "1"),
		kvOp(api.KVGet, e.key("p/a"), ""),
		kvOp(api.KVSet, e.key("p/b"), "2"),
		kvOp(api.KVGetTree, e.key("p/"), ""))
	require.Len(t, results, 5)
	require.Equal(t, "1", string(results[1].Value))
	require.Equal(t, e.key("p/a"), results[3].Key)
	require.Equal(t, e.key("p/b"), results[4].Key)
	require.Equal(t, "2", string(results[4].Value))

	e.commit(kvOp(api.KVDelete, e.key("p/a"), ""), kvOp(api.KVCAS, e.key("p/a"), "3", withIndex(0)))
	require.Equal(t, "3", string(e.must(e.key("p/a")).Value))
}

func txnLocks(t *testing.T, e *env) {
	key := e.key("lock")
	one, two := e.session(&api.SessionEntry{}), e.session(&api.SessionEntry{})
	results := e.commit(
		kvOp(api.KVLock, key, "one", withSession(one)),
		kvOp(api.KVCheckSession, key, "", withSession(one)),
		kvOp(api.KVSet, e.key("a"), "under the lock"))
	require.Equal(t, one, results[0].Session)
	require.EqualValues(t, 1, results[0].LockIndex)

	e.rollback(kvOp(api.KVLock, key, "two", withSession(two)))
	e.rollback(kvOp(api.KVUnlock, key, "two", withSession(two)))
	e.rollback(kvOp(api.KVCheckSession, key, "", withSession(two)))
	e.rollback(kvOp(api.KVLock, e.key("other"), "x", withSession("00000000-0000-0000-0000-000000000000")))
	e.commit(kvOp(api.KVUnlock, key, "free", withSession(one)))
	require.Empty(t, e.must(key).Session)
	e.rollback(kvOp(api.KVCheckSession, key, "", withSession(one)))
	e.commit(kvOp(api.KVLock, key, "two", withSession(two)))
	require.EqualValues(t, 2, e.must(key).LockIndex)
}

// txnComparesOwnWrites is why a key is written once in a flip of several
// aliases.
func txnComparesOwnWrites(t *testing.T, e *env) {
	key := e.key("a")
	e.put(key, "x")
	index := e.must(key).ModifyIndex
	errs := e.rollback(
		kvOp(api.KVCAS, key, "y", withIndex(index)),
		kvOp(api.KVCAS, key, "z", withIndex(index)))
	require.Equal(t, []int{1}, failedOps(errs))
	require.Equal(t, "x", string(e.must(key).Value))
	e.rollback(kvOp(api.KVCAS, e.key("new"), "y"), kvOp(api.KVCAS, e.key("new"), "z"))
	require.Nil(t, e.get(e.key("new")))
}

// txnNamesEndedSession has several sessions vouch for something, each by a key of
// its own.
func txnNamesEndedSession(t *testing.T, e *env) {
	vouching := func() *api.SessionEntry { return &api.SessionEntry{Behavior: api.SessionBehaviorDelete} }
	lives, ended := e.session(vouching()), e.session(vouching())
	ops := []*api.TxnOp{
		kvOp(api.KVLock, e.key("guards/one"), "x", withSession(lives)),
		kvOp(api.KVLock, e.key("guards/two"), "x", withSession(ended)),
		kvOp(api.KVCAS, e.key("alias/one"), "green"),
		kvOp(api.KVCAS, e.key("alias/two"), "green"),
	}
	_, err := e.sess().Destroy(ended, nil)
	require.NoError(t, err)
	require.Equal(t, []int{1}, failedOps(e.rollback(ops...)))
	require.Nil(t, e.get(e.key("guards/one")))
	require.Nil(t, e.get(e.key("alias/one")))
}

func txnDeletes(t *testing.T, e *env) {
	for _, name := range []string{"a", "b", "tree/a", "tree/b"} {
		e.put(e.key(name), "x")
	}
	index := e.must(e.key("b")).ModifyIndex
	e.rollback(kvOp(api.KVDeleteCAS, e.key("b"), "", withIndex(index-1)))
	e.commit(
		kvOp(api.KVDelete, e.key("a"), ""),
		kvOp(api.KVDelete, e.key("missing"), ""),
		kvOp(api.KVDeleteCAS, e.key("b"), "", withIndex(index)),
		kvOp(api.KVDeleteTree, e.key("tree/"), ""))
	pairs, _, err := e.kv().List(e.unique, nil)
	require.NoError(t, err)
	require.Empty(t, pairs)
}

func txnReads(t *testing.T, e *env) {
	e.put(e.key("p/a"), "1")
	e.put(e.key("p/b"), "2")
	results := e.commit(
		kvOp(api.KVGet, e.key("p/b"), ""),
		kvOp(api.KVGetTree, e.key("p/"), ""),
		kvOp(api.KVGetTree, e.key("nothing/"), ""))
	require.Len(t, results, 3)
	require.Equal(t, "2", string(results[0].Value))
	require.Equal(t, "1", string(results[1].Value))
}

func txnLimits(t *testing.T, e *env) {
	var ops api.TxnOps
	for i := range 128 {
		ops = append(ops, kvOp(api.KVSet, e.key(fmt.Sprintf("many/%03d", i)), "x"))
	}
	e.commit(ops...)
	ops = append(ops, kvOp(api.KVSet, e.key("one-too-many"), "x"))
	_, _, _, err := e.client.Txn().Txn(ops, nil)
	require.ErrorContains(t, err, "too many operations")
	require.Nil(t, e.get(e.key("one-too-many")))
	status, _ := e.request("PUT", "/v1/txn", "["+strings.Repeat("{},", 128)+"{}]")
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	status, _ = e.request("PUT", "/v1/txn", strings.Repeat(" ", 512*1024)+"[]")
	require.Equal(t, http.StatusRequestEntityTooLarge, status)

	e.rollback(kvOp("explode", e.key("a"), "x"))
	e.rollback(kvOp(api.KVSet, "", "x"))
	status, _ = e.request("PUT", "/v1/txn", "not JSON")
	require.Equal(t, http.StatusBadRequest, status)
}
