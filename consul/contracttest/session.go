package contracttest

import (
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var lockContracts = []contract{
	{name: "lock is held by one session", run: lockHeldByOne},
	{name: "lock needs a session", run: lockNeedsSession},
	{name: "lock is released with its session", run: lockReleased},
	{name: "lock key is deleted with its session", run: lockDeleted},
	{name: "lock delay", run: lockDelay},
}

var sessionContracts = []contract{
	{name: "session limits", run: sessionLimits},
	{name: "session life", run: sessionLife},
	{name: "session list wakes", run: sessionWakes},
	{name: "session needs healthy checks", run: sessionNeedsHealthy},
	{name: "session ends with its check turning critical", run: sessionEndsWithCheck},
	{name: "session ends with its check removed", run: sessionEndsWithRemoval},
	{name: "session expires", run: sessionExpires},
}

func (e *env) acquire(key, value, session string) bool {
	e.t.Helper()
	done, _, err := e.kv().Acquire(&api.KVPair{Key: key, Value: []byte(value), Session: session}, nil)
	require.NoError(e.t, err)
	return done
}

func (e *env) release(key, value, session string) bool {
	e.t.Helper()
	done, _, err := e.kv().Release(&api.KVPair{Key: key, Value: []byte(value), Session: session}, nil)
	require.NoError(e.t, err)
	return done
}

func lockHeldByOne(t *testing.T, e *env) {
	key := e.key("lock")
	one, two := e.session(&api.SessionEntry{}), e.session(&api.SessionEntry{})

	require.True(t, e.acquire(key, "one", one))
	require.False(t, e.acquire(key, "two", two), "somebody else holds it")
	require.True(t, e.acquire(key, "one again", one), "the holder may acquire it again")
	pair := e.must(key)
	require.Equal(t, "one again", string(pair.Value))
	require.Equal(t, one, pair.Session)
	require.EqualValues(t, 1, pair.LockIndex)

	e.put(key, "advisory")
	require.Equal(t, one, e.must(key).Session, "a put does not take the lock away")

	require.False(t, e.release(key, "two", two), "only the holder releases")
	require.True(t, e.release(key, "free", one))
	pair = e.must(key)
	require.Equal(t, "free", string(pair.Value))
	require.Empty(t, pair.Session)
	require.True(t, e.acquire(key, "two", two), "released on purpose, there is no delay")
	require.Equal(t, two, e.must(key).Session)
}

func lockNeedsSession(t *testing.T, e *env) {
	key := e.key("lock")
	_, _, err := e.kv().Acquire(&api.KVPair{Key: key, Session: "00000000-0000-0000-0000-000000000000"}, nil)
	require.ErrorContains(t, err, "invalid session")
	require.Nil(t, e.get(key))
	require.False(t, e.release(e.key("missing"), "x", e.session(&api.SessionEntry{})))
}

func lockReleased(t *testing.T, e *env) {
	key := e.key("lock")
	session := e.session(&api.SessionEntry{Behavior: api.SessionBehaviorRelease})
	require.True(t, e.acquire(key, "mine", session))
	held := e.must(key)
	list := e.watchList(e.unique)
	_, err := e.sess().Destroy(session, nil)
	require.NoError(t, err)
	list.wakes("for the release")
	pair := e.must(key)
	require.Empty(t, pair.Session)
	require.Equal(t, "mine", string(pair.Value))
	require.Greater(t, pair.ModifyIndex, held.ModifyIndex)
}

func lockDeleted(t *testing.T, e *env) {
	session := e.session(&api.SessionEntry{Behavior: api.SessionBehaviorDelete})
	require.True(t, e.acquire(e.key("a"), "mine", session))
	require.True(t, e.acquire(e.key("b"), "mine", session))
	e.put(e.key("c"), "not held")
	list := e.watchList(e.unique)
	_, err := e.sess().Destroy(session, nil)
	require.NoError(t, err)
	list.wakes("for the deletion")
	pairs, _, err := e.kv().List(e.unique, nil)
	require.NoError(t, err)
	require.Len(t, pairs, 1)
	require.Equal(t, e.key("c"), pairs[0].Key)
}

func lockDelay(t *testing.T, e *env) {
	key := e.key("lock")
	one := e.session(&api.SessionEntry{LockDelay: 5 * time.Second})
	two := e.session(&api.SessionEntry{})
	require.True(t, e.acquire(key, "one", one))
	_, err := e.sess().Destroy(one, nil)
	require.NoError(t, err)
	require.False(t, e.acquire(key, "two", two), "within the delay")
	ok, answer, _, err := e.client.Txn().Txn(api.TxnOps{kvOp(api.KVLock, key, "two", withSession(two))}, nil)
	require.NoError(t, err)
	require.False(t, ok)
	require.Contains(t, answer.Errors[0].What, "lock delay")
	e.eventually(func(c *assert.CollectT) { assert.True(c, e.acquire(key, "two", two)) })
}

func sessionLimits(t *testing.T, e *env) {
	for name, entry := range map[string]*api.SessionEntry{
		"TTL too short":    {TTL: "9s"},
		"TTL too long":     {TTL: "24h1s"},
		"TTL not a time":   {TTL: "soon"},
		"unknown behavior": {Behavior: "explode"},
		"unknown node":     {Node: e.name("nowhere")},
	} {
		_, _, err := e.sess().Create(entry, nil)
		require.Error(t, err, name)
	}
	e.session(&api.SessionEntry{TTL: "10s"})
	e.session(&api.SessionEntry{TTL: "24h"})

	id, _, err := e.sess().Create(&api.SessionEntry{LockDelay: 0}, nil)
	require.NoError(t, err)
	defer e.sess().Destroy(id, nil)
	entry, _, err := e.sess().Info(id, nil)
	require.NoError(t, err)
	require.Equal(t, 15*time.Second, entry.LockDelay, "no delay is the default delay")
}

func sessionLife(t *testing.T, e *env) {
	id := e.session(&api.SessionEntry{Name: e.name("s"), TTL: "20s", Behavior: api.SessionBehaviorDelete, LockDelay: 5 * time.Millisecond})
	entry, _, err := e.sess().Info(id, nil)
	require.NoError(t, err)
	require.Equal(t, e.name("s"), entry.Name)
	require.Equal(t, e.node(), entry.Node)
	require.Equal(t, "20s", entry.TTL)
	require.Equal(t, api.SessionBehaviorDelete, entry.Behavior)
	require.Equal(t, 5*time.Millisecond, entry.LockDelay)
	require.Equal(t, []string{"serfHealth"}, entry.NodeChecks)

	renewed, _, err := e.sess().Renew(id, nil)
	require.NoError(t, err)
	require.Equal(t, entry.ID, renewed.ID)

	for name, list := range map[string]func() ([]*api.SessionEntry, *api.QueryMeta, error){
		"all":     func() ([]*api.SessionEntry, *api.QueryMeta, error) { return e.sess().List(nil) },
		"of node": func() ([]*api.SessionEntry, *api.QueryMeta, error) { return e.sess().Node(e.node(), nil) },
	} {
		entries, _, err := list()
		require.NoError(t, err)
		require.True(t, containsSession(entries, id), name)
	}

	_, err = e.sess().Destroy(id, nil)
	require.NoError(t, err)
	_, err = e.sess().Destroy(id, nil)
	require.NoError(t, err, "destroying it twice")
	require.False(t, e.sessionExists(id))
	renewed, _, err = e.sess().Renew(id, nil)
	require.NoError(t, err)
	require.Nil(t, renewed)
}

func containsSession(entries []*api.SessionEntry, id string) bool {
	for _, entry := range entries {
		if entry.ID == id {
			return true
		}
	}
	return false
}

func sessionWakes(t *testing.T, e *env) {
	id := e.session(&api.SessionEntry{})
	list := e.watch(func(q *api.QueryOptions) (*api.QueryMeta, error) {
		_, meta, err := e.sess().List(q)
		return meta, err
	})
	_, err := e.sess().Destroy(id, nil)
	require.NoError(t, err)
	list.wakes("for a session's end")
}

func sessionNeedsHealthy(t *testing.T, e *env) {
	bound := func(check string) *api.SessionEntry {
		return &api.SessionEntry{LockDelay: time.Millisecond, ServiceChecks: []api.ServiceCheck{{ID: check}}}
	}
	_, _, err := e.sess().Create(bound(e.name("no-such-check")), nil)
	require.ErrorContains(t, err, "Missing check")

	check := e.ttlService("web", api.HealthCritical)
	_, _, err = e.sess().Create(bound(check), nil)
	require.ErrorContains(t, err, "critical")

	e.setTTL(e.name("web"), check, api.HealthWarning)
	e.session(bound(check))
	e.setTTL(e.name("web"), check, api.HealthPassing)
	id := e.session(bound(check))
	entry, _, err := e.sess().Info(id, nil)
	require.NoError(t, err)
	require.Equal(t, []api.ServiceCheck{{ID: check}}, entry.ServiceChecks)
}

// sessionEndsWithCheck is what lets a flip fail on an unhealthy colour.
func sessionEndsWithCheck(t *testing.T, e *env) {
	service, key := e.name("web"), e.key("ready")
	check := e.ttlService("web", api.HealthPassing)
	id := e.session(&api.SessionEntry{ServiceChecks: []api.ServiceCheck{{ID: check}}})
	require.True(t, e.acquire(key, "ready", id))
	healthy := api.TxnOps{kvOp(api.KVCheckSession, key, "", withSession(id)), kvOp(api.KVSet, e.key("alias"), "green")}

	e.setTTL(service, check, api.HealthWarning)
	require.True(t, e.sessionExists(id), "a warning does not end it")
	ok, _, _, err := e.client.Txn().Txn(healthy, nil)
	require.NoError(t, err)
	require.True(t, ok)

	e.setTTL(service, check, api.HealthCritical)
	require.False(t, e.sessionExists(id), "by the time the check shows critical the session is gone")
	require.Empty(t, e.must(key).Session)
	require.Equal(t, e.check(service, check).ModifyIndex, e.must(key).ModifyIndex, "both in one write")
	ok, answer, _, err := e.client.Txn().Txn(healthy, nil)
	require.NoError(t, err)
	require.False(t, ok)
	require.EqualValues(t, 0, answer.Errors[0].OpIndex)

	e.setTTL(service, check, api.HealthPassing)
	require.False(t, e.sessionExists(id), "health does not bring it back")
}

func sessionEndsWithRemoval(t *testing.T, e *env) {
	bind := func(name string) (session, check string) {
		check = e.ttlService(name, api.HealthPassing)
		return e.session(&api.SessionEntry{ServiceChecks: []api.ServiceCheck{{ID: check}}}), check
	}
	byCheck, check := bind("a")
	byService, _ := bind("b")
	kept, _ := bind("c")

	require.NoError(t, e.agent().CheckDeregister(check))
	require.NoError(t, e.agent().ServiceDeregister(e.name("b")))
	e.eventually(func(c *assert.CollectT) {
		assert.False(c, e.sessionExists(byCheck))
		assert.False(c, e.sessionExists(byService))
	})
	require.True(t, e.sessionExists(kept))
}

func sessionExpires(t *testing.T, e *env) {
	if testing.Short() {
		t.Skip("a session lives for at least ten seconds")
	}
	key, start := e.key("lock"), time.Now()
	id := e.session(&api.SessionEntry{TTL: "10s", Behavior: api.SessionBehaviorDelete})
	require.True(t, e.acquire(key, "mine", id))
	require.Eventually(t, func() bool { return e.get(key) == nil }, 40*time.Second, 100*time.Millisecond)
	require.GreaterOrEqual(t, time.Since(start), 10*time.Second, "never before its TTL")
	require.False(t, e.sessionExists(id))
}
