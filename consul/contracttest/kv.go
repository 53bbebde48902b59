package contracttest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"
)

var kvContracts = []contract{
	{name: "kv put and get", run: kvPutAndGet},
	{name: "kv put of the same value keeps the index", run: kvSameValue},
	{name: "kv compare-and-set", run: kvCAS},
	{name: "kv delete", run: kvDelete},
	{name: "kv list and keys", run: kvList},
	{name: "kv list index is the prefix's", run: kvListIndex},
	{name: "kv list wakes for its prefix only", run: kvListWakes},
	{name: "kv list of nothing wakes for the first key", run: kvEmptyListWakes},
	{name: "kv get wakes", run: kvGetWakes},
	{name: "kv get of nothing wakes for its key only", run: kvMissingGetWakes},
	{name: "kv limits", run: kvLimits},
	{name: "kv bare requests", run: kvBare},
}

func kvPutAndGet(t *testing.T, e *env) {
	key := e.key("a")
	require.Nil(t, e.get(key))

	_, err := e.kv().Put(&api.KVPair{Key: key, Value: []byte("one"), Flags: 42}, nil)
	require.NoError(t, err)
	first := e.must(key)
	require.Equal(t, "one", string(first.Value))
	require.EqualValues(t, 42, first.Flags)
	require.Equal(t, first.CreateIndex, first.ModifyIndex)
	require.Empty(t, first.Session)
	require.Zero(t, first.LockIndex)

	e.put(key, "")
	second := e.must(key)
	require.Empty(t, second.Value)
	require.Zero(t, second.Flags)
	require.Equal(t, first.CreateIndex, second.CreateIndex)
	require.Greater(t, second.ModifyIndex, first.ModifyIndex)

	_, meta, err := e.kv().Get(key, nil)
	require.NoError(t, err)
	require.Equal(t, second.ModifyIndex, meta.LastIndex)
	require.True(t, meta.KnownLeader)
}

func kvSameValue(t *testing.T, e *env) {
	key := e.key("a")
	e.put(key, "same")
	before := e.must(key)
	e.put(key, "same")
	require.Equal(t, before, e.must(key))
}

func kvCAS(t *testing.T, e *env) {
	key := e.key("a")
	cas := func(value string, index uint64) bool {
		t.Helper()
		done, _, err := e.kv().CAS(&api.KVPair{Key: key, Value: []byte(value), ModifyIndex: index}, nil)
		require.NoError(t, err)
		return done
	}
	require.False(t, cas("x", 7), "an index on a key that does not exist")
	require.True(t, cas("one", 0), "0 creates")
	require.False(t, cas("two", 0), "0 only creates")
	index := e.must(key).ModifyIndex
	require.False(t, cas("two", index-1))
	require.False(t, cas("two", index+1))
	require.True(t, cas("two", index))
	require.False(t, cas("three", index), "the index has moved on")
	require.Equal(t, "two", string(e.must(key).Value))
}

func kvDelete(t *testing.T, e *env) {
	key := e.key("a")
	_, err := e.kv().Delete(key, nil)
	require.NoError(t, err, "deleting what is not there")

	e.put(key, "x")
	pair := e.must(key)
	deleted, _, err := e.kv().DeleteCAS(&api.KVPair{Key: key, ModifyIndex: pair.ModifyIndex - 1}, nil)
	require.NoError(t, err)
	require.False(t, deleted)
	deleted, _, err = e.kv().DeleteCAS(pair, nil)
	require.NoError(t, err)
	require.True(t, deleted)
	require.Nil(t, e.get(key))

	for _, name := range []string{"tree/a", "tree/b/c", "treetop"} {
		e.put(e.key(name), "x")
	}
	_, err = e.kv().DeleteTree(e.key("tree/"), nil)
	require.NoError(t, err)
	require.Nil(t, e.get(e.key("tree/a")))
	require.Nil(t, e.get(e.key("tree/b/c")))
	require.NotNil(t, e.get(e.key("treetop")))
}

func kvList(t *testing.T, e *env) {
	pairs, _, err := e.kv().List(e.key("p/"), nil)
	require.NoError(t, err)
	require.Empty(t, pairs)
	keys, _, err := e.kv().Keys(e.key("p/"), "", nil)
	require.NoError(t, err)
	require.Empty(t, keys)

	for _, name := range []string{"p/b/y", "p/a", "q", "p/b/x", "p/c"} {
		e.put(e.key(name), name)
	}
	pairs, _, err = e.kv().List(e.key("p/"), nil)
	require.NoError(t, err)
	var listed []string
	for _, pair := range pairs {
		listed = append(listed, pair.Key)
		require.Equal(t, pair.Key, e.key(string(pair.Value)))
	}
	require.Equal(t, []string{e.key("p/a"), e.key("p/b/x"), e.key("p/b/y"), e.key("p/c")}, listed)

	keys, _, err = e.kv().Keys(e.key("p/"), "/", nil)
	require.NoError(t, err)
	require.Equal(t, []string{e.key("p/a"), e.key("p/b/"), e.key("p/c")}, keys)
	keys, _, err = e.kv().Keys(e.key("p"), "", nil)
	require.NoError(t, err)
	require.Equal(t, listed, keys)
}

func (e *env) listIndex(prefix string) uint64 {
	e.t.Helper()
	_, meta, err := e.kv().List(prefix, nil)
	require.NoError(e.t, err)
	return meta.LastIndex
}

func kvListIndex(t *testing.T, e *env) {
	prefix := e.key("p/")
	e.put(prefix+"a", "x")
	e.put(prefix+"b", "x")
	index := e.listIndex(prefix)
	require.Equal(t, e.must(prefix+"b").ModifyIndex, index)

	e.put(e.key("elsewhere"), "x")
	require.Equal(t, index, e.listIndex(prefix))

	_, err := e.kv().Delete(prefix+"b", nil)
	require.NoError(t, err)
	require.Greater(t, e.listIndex(prefix), e.must(e.key("elsewhere")).ModifyIndex, "a deletion counts")

	_, err = e.kv().Delete(prefix+"a", nil)
	require.NoError(t, err)
	require.Greater(t, e.listIndex(prefix), index, "the last deletion counts")
}

func (e *env) watchList(prefix string) *watcher {
	e.t.Helper()
	return e.watch(func(q *api.QueryOptions) (*api.QueryMeta, error) {
		_, meta, err := e.kv().List(prefix, q)
		return meta, err
	})
}

func kvListWakes(t *testing.T, e *env) {
	prefix := e.key("p/")
	e.put(prefix+"a", "x")
	list := e.watchList(prefix)
	e.put(e.key("elsewhere"), "x")
	list.sleeps("for another prefix")
	e.put(prefix+"a", "x")
	list.sleeps("for the same value again")
	e.put(prefix+"a", "y")
	list.wakes("for a changed value")
	e.put(prefix+"b", "y")
	list.wakes("for a new key")
	_, err := e.kv().Delete(prefix+"b", nil)
	require.NoError(t, err)
	list.wakes("for a deletion")
	_, err = e.kv().DeleteTree(prefix, nil)
	require.NoError(t, err)
	list.wakes("for the deletion of all")
}

func kvEmptyListWakes(_ *testing.T, e *env) {
	// It may wake for other keys too: nothing has no index of its own.
	list := e.watchList(e.key("p/"))
	e.put(e.key("p/a"), "x")
	list.wakes("for the first key")
}

func (e *env) watchKey(key string) *watcher {
	e.t.Helper()
	return e.watch(func(q *api.QueryOptions) (*api.QueryMeta, error) {
		_, meta, err := e.kv().Get(key, q)
		return meta, err
	})
}

func kvMissingGetWakes(_ *testing.T, e *env) {
	get := e.watchKey(e.key("a"))
	e.put(e.key("b"), "x")
	get.sleeps("for another key")
	e.put(e.key("a"), "x")
	get.wakes("for the key")
}

func kvGetWakes(t *testing.T, e *env) {
	key := e.key("a")
	e.put(key, "x")
	get := e.watchKey(key)
	e.put(key+"b", "x")
	get.sleeps("for another key")
	e.put(key, "y")
	get.wakes("for a changed value")
	_, err := e.kv().Delete(key, nil)
	require.NoError(t, err)
	get.wakes("for the deletion")
	e.put(key, "y")
	get.wakes("for the key made again")

	start := time.Now()
	_, _, err = e.kv().Get(key, &api.QueryOptions{WaitIndex: e.must(key).ModifyIndex, WaitTime: silence})
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(start), silence, "blocks as long as it may")
	require.Less(t, time.Since(start), patience)
}

func kvLimits(t *testing.T, e *env) {
	largest := strings.Repeat("x", 512*1024)
	e.put(e.key("largest"), largest)
	require.Len(t, e.must(e.key("largest")).Value, len(largest))
	_, err := e.kv().Put(&api.KVPair{Key: e.key("larger"), Value: []byte(largest + "x")}, nil)
	requireStatus(t, http.StatusRequestEntityTooLarge, err)
	require.Nil(t, e.get(e.key("larger")))
}

func kvBare(t *testing.T, e *env) {
	path := "/v1/kv/" + e.key("a")
	status, body := e.request("PUT", path, "green-production")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "true", strings.TrimSpace(body))
	status, body = e.request("GET", path+"?raw", "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "green-production", body)
	status, _ = e.request("GET", "/v1/kv/"+e.key("missing"), "")
	require.Equal(t, http.StatusNotFound, status)

	status, _ = e.request("PUT", path+"?cas=0&acquire=x", "y")
	require.Equal(t, http.StatusBadRequest, status)
	status, _ = e.request("PUT", "/v1/kv/", "y")
	require.Equal(t, http.StatusBadRequest, status)
	status, _ = e.request("GET", path+"?index=x", "")
	require.Equal(t, http.StatusBadRequest, status)
	status, _ = e.request("POST", path, "y")
	require.Equal(t, http.StatusMethodNotAllowed, status)
	status, _ = e.request("GET", "/v1/nothing/of/the/kind", "")
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, "green-production", string(e.must(e.key("a")).Value))
}
