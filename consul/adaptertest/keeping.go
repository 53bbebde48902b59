package adaptertest

import (
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// keeping are the tests of what looks after locks and records.
func keeping() map[string]func(*testing.T, *world) {
	return map[string]func(*testing.T, *world){
		"it is told who holds the lock":                 heldLock,
		"a broken lock is lost to its holder":           brokenLock,
		"a lock that nobody's session holds is removed": lockByHand,
		"a deployment is forgotten as it was read":      forgottenDeployment,
		"the configurations of all services are read":   allConfigs,
	}
}

func (w *world) lockFor(t *testing.T, by string) (session string, lost <-chan struct{}) {
	t.Helper()
	session, lost, err := w.Lock(t.Context(), w.service, "production", catalog.LockRecord{Holder: by, Deployment: "d1", Since: time.Unix(1, 0).UTC()})
	require.NoError(t, err)
	return session, lost
}

func heldLock(t *testing.T, w *world) {
	_, there, err := w.HeldLock(t.Context(), w.service, "production")
	require.NoError(t, err)
	require.False(t, there)

	session, _ := w.lockFor(t, "ops@here")
	held, there, err := w.HeldLock(t.Context(), w.service, "production")
	require.NoError(t, err)
	require.True(t, there)
	require.NotZero(t, held.Index)
	held.Index = 0
	require.Equal(t, catalog.HeldLock{
		LockRecord: catalog.LockRecord{Holder: "ops@here", Deployment: "d1", Since: time.Unix(1, 0).UTC()},
		Session:    session, Alive: true,
	}, held)

	require.NoError(t, w.Unlock(t.Context(), w.service, "production", session))
	_, there, err = w.HeldLock(t.Context(), w.service, "production")
	require.NoError(t, err)
	require.False(t, there)
}

func brokenLock(t *testing.T, w *world) {
	session, lost := w.lockFor(t, "ops@here")
	held, _, err := w.HeldLock(t.Context(), w.service, "production")
	require.NoError(t, err)
	require.NoError(t, w.BreakLock(t.Context(), w.service, "production", held))
	select {
	case <-lost:
	case <-time.After(patience):
		require.Fail(t, "the holder does not notice")
	}
	err = w.PutDeployment(t.Context(), catalog.Deployment{ID: "d1", Service: w.service, Environment: "production"}, session)
	require.ErrorIs(t, err, catalog.ErrLockLost)

	next, _ := w.lockFor(t, "next@here")
	require.NoError(t, w.BreakLock(t.Context(), w.service, "production", held), "the same again")
	now, there, err := w.HeldLock(t.Context(), w.service, "production")
	require.NoError(t, err)
	require.True(t, there)
	require.Equal(t, next, now.Session, "the next holder's stays")
	require.NoError(t, w.Unlock(t.Context(), w.service, "production", next))
}

func lockByHand(t *testing.T, w *world) {
	put := func() catalog.HeldLock {
		_, err := w.api.KV().Put(&api.KVPair{Key: w.keys.Lock(w.service, "production"), Value: []byte("by hand")}, nil)
		require.NoError(t, err)
		held, there, err := w.HeldLock(t.Context(), w.service, "production")
		require.NoError(t, err)
		require.True(t, there)
		return held
	}
	held := put()
	require.False(t, held.Alive)
	require.Empty(t, held.Session)
	require.NoError(t, w.BreakLock(t.Context(), w.service, "production", held))
	_, there, err := w.HeldLock(t.Context(), w.service, "production")
	require.NoError(t, err)
	require.False(t, there)

	held = put()
	session, _ := w.lockFor(t, "ops@here")
	require.ErrorIs(t, w.BreakLock(t.Context(), w.service, "production", held), catalog.ErrLocked)
	require.NoError(t, w.Unlock(t.Context(), w.service, "production", session))
}

func forgottenDeployment(t *testing.T, w *world) {
	session, _ := w.lockFor(t, "ops@here")
	d := catalog.Deployment{ID: "d1", Service: w.service, Environment: "production", State: catalog.Locked}
	read := func() catalog.Deployment {
		require.NoError(t, w.PutDeployment(t.Context(), d, session))
		all, err := w.Deployments(t.Context(), w.service, "production")
		require.NoError(t, err)
		require.Len(t, all, 1)
		return all[0]
	}
	before := read()
	d.State = catalog.Failed
	now := read()
	require.ErrorIs(t, w.DeleteDeployment(t.Context(), before, session), catalog.ErrChanged)
	require.ErrorIs(t, w.DeleteDeployment(t.Context(), now, "00000000-0000-0000-0000-000000000000"), catalog.ErrLockLost)
	require.NoError(t, w.DeleteDeployment(t.Context(), now, session))
	all, err := w.Deployments(t.Context(), w.service, "production")
	require.NoError(t, err)
	require.Empty(t, all)
	require.NoError(t, w.Unlock(t.Context(), w.service, "production", session))
}

func allConfigs(t *testing.T, w *world) {
	for key, value := range map[string]string{"a": `{"owner":"A"}`, "b": `{"owner":"B"}`, "bad": "no JSON", "": ""} {
		_, err := w.api.KV().Put(&api.KVPair{Key: w.keys.Services() + key, Value: []byte(value)}, nil)
		require.NoError(t, err)
	}
	all, err := w.ServiceConfigs(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "B", all["b"].Owner)
	require.NotZero(t, all["a"].Since)
	require.NotEqual(t, all["a"].Since, all["b"].Since)
}
