// Package adaptertest holds package consul to what the router, the registrator
// and the deployer rely on. It runs against the embedded store and against a
// real Consul alike.
package adaptertest

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
)

const (
	// patience is how long a test waits for something that should come soon.
	patience = 30 * time.Second

	// hold is short, so that tests see the end of it.
	hold = time.Second

	// noQueries is a watch budget that lets no service have a query of its own.
	noQueries = -1
)

// Run runs the suite. newAgent answers the address of an agent, which may be
// the same one each time.
func Run(t *testing.T, newAgent func(t *testing.T) (addr string)) {
	for name, test := range map[string]func(*testing.T, *world){
		"a flip writes all its records at one index":    flipWritesAll,
		"a flip of an alias that moved is refused":      flipOfMovedAlias,
		"a flip without the lock is refused":            flipWithoutLock,
		"a flip to a release being replaced is refused": flipToReplaced,
		"a flip to a critical instance is refused":      flipToCritical,
		"a flip leaves no guards behind":                flipLeavesNoGuards,
		"the lock is held by one":                       lockHeldByOne,
		"a lost lock is noticed":                        lostLock,
		"records need the lock":                         recordsNeedLock,
		"a record may be written again":                 recordAgain,
		"a record does not go back":                     recordGoesOn,
		"a dead holder's lock is free with its session": deadHoldersLock,
		"deployments are listed oldest first":           deploymentsInOrder,
		"a service is read whole":                       serviceReadWhole,
		"a router's record lives as long as it runs":    routerRecord,
		"an alias is halted and resumed":                haltAndResume,
		"a registration is read back as written":        registration,
		"a service configuration is written if other":   serviceConfig,
		"what a check says is reported and read":        reportedCheck,
		"registering again keeps maintenance":           keptMaintenance,
		"what will never be had is refused":             refusedRegistration,
		"a request to drain is told and settled":        drainRequest,
		"a host's record is written if other":           hostRecord,
	} {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, newAgent(t), 0)) })
	}
	for _, group := range []map[string]func(*testing.T, *world){keeping(), together(), deciding(), staging()} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) { test(t, newWorld(t, newAgent(t), 0)) })
		}
	}
	for name, test := range map[string]func(*testing.T, *world){
		"the watch follows everything":                 watchFollows,
		"an alias never arrives before its instances":  aliasAfterInstances,
		"the first snapshot has every service":         firstSnapshotIsWhole,
		"an instance without checks is found":          uncheckedIsFound,
		"an alias that can't be read stays as it was":  unreadableAliasStays,
		"a folder that is emptied is not believed yet": emptiedFolderIsHeld,
		"the end of the last halt is believed at once": haltEnds,
		"the watch does not echo":                      watchDoesNotEcho,
		"the watch shows what it can't read":           watchShowsProblems,
	} {
		t.Run(name+", each service by its own query", func(t *testing.T) { test(t, newWorld(t, newAgent(t), 0)) })
		t.Run(name+", all services by common feeds", func(t *testing.T) { test(t, newWorld(t, newAgent(t), noQueries)) })
	}
}

// world is an agent, the adapter on a prefix of its own, and a service name of
// its own.
type world struct {
	*consul.Store
	api     *api.Client
	keys    catalog.Keys
	service string
}

func newWorld(t *testing.T, addr string, watchBudget int) *world {
	t.Helper()
	name := "adapter-" + strings.ToLower(rand.Text()[:10])
	store, err := consul.New(consul.Options{Address: addr, Prefix: name, WatchBudget: watchBudget, Hold: hold})
	require.NoError(t, err)
	client, err := api.NewClient(&api.Config{Address: addr})
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = client.KV().DeleteTree(name+"/", nil) })
	return &world{Store: store, api: client, keys: catalog.NewKeys(name), service: name}
}

var (
	blue  = catalog.Target{Colour: catalog.Blue, Environment: "production"}
	green = catalog.Target{Colour: catalog.Green, Environment: "production"}
)

// instance registers one with a TTL check in the given state.
func (w *world) instance(t *testing.T, id string, target catalog.Target, release, status string) {
	t.Helper()
	i := catalog.Instance{Target: target, Release: release, Owner: "here"}
	require.NoError(t, w.Register(t.Context(), catalog.Registration{
		ID: w.service + id, Service: w.service, Address: "127.0.0.1", Port: 8080,
		Tags: i.EncodeTags(), Meta: i.EncodeMeta(), Checks: []catalog.Check{{ID: w.service + id + "-ttl", Name: "alive", TTL: time.Hour}},
	}))
	t.Cleanup(func() { _ = w.Deregister(context.WithoutCancel(t.Context()), w.service+id) })
	w.health(t, id, status)
}

func (w *world) health(t *testing.T, id, status string) {
	t.Helper()
	require.NoError(t, w.api.Agent().UpdateTTL(w.service+id+"-ttl", "as the test wants", status))
}

// awaitInstance waits until the catalogue has the instance in this health.
func (w *world) awaitInstance(t *testing.T, id string, health catalog.Health) catalog.Instance {
	t.Helper()
	var found catalog.Instance
	require.Eventually(t, func() bool {
		s, err := w.Service(t.Context(), w.service)
		require.NoError(t, err)
		for _, i := range s.Instances {
			if i.ID == w.service+id && i.Health == health {
				found = i
				return true
			}
		}
		return false
	}, patience, 10*time.Millisecond, "instance %s never became %s", id, health)
	return found
}

func (w *world) read(t *testing.T) *catalog.Service {
	t.Helper()
	s, err := w.Service(t.Context(), w.service)
	require.NoError(t, err)
	return s
}

func (w *world) lock(t *testing.T) string {
	t.Helper()
	session, _, err := w.Lock(t.Context(), w.service, "production", catalog.LockRecord{Holder: "ops@here", Since: time.Now()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Unlock(context.WithoutCancel(t.Context()), w.service, "production", session) })
	return session
}

func (w *world) flip(to catalog.Target) catalog.Flip {
	return catalog.Flip{Service: w.service, Alias: "production", Environment: "production", To: catalog.PointTo(to), By: "ops@here", At: time.Now()}
}

func (w *world) deployment(id string) catalog.Deployment {
	return catalog.Deployment{ID: id, Service: w.service, Environment: "production", Target: green}.Enter(catalog.Pending, time.Now(), "")
}

func flipWritesAll(t *testing.T, w *world) {
	d := w.deployment("d1")
	f := w.flip(green)
	f.LockSession, f.Deployment = w.lock(t), &d
	f.Releases = map[catalog.Target]catalog.Release{green: {ID: "2", State: catalog.Ready}, blue: {ID: "1", State: catalog.Standby}}
	index, err := w.Flip(t.Context(), f)
	require.NoError(t, err)

	s := w.read(t)
	require.Equal(t, catalog.Alias{Name: "production", Value: catalog.PointTo(green), Index: index}, s.Aliases["production"])
	require.Equal(t, index, s.Flips["production"].Index)
	require.Equal(t, "d1", s.Flips["production"].Deployment)
	require.False(t, s.FlippedByHand("production"))
	require.Equal(t, "2", s.Releases[green].ID)
	require.Equal(t, catalog.Standby, s.Releases[blue].State)
	list, err := w.Deployments(t.Context(), w.service, "production")
	require.NoError(t, err)
	require.Equal(t, index, list[0].Index)
}

func flipOfMovedAlias(t *testing.T, w *world) {
	_, err := w.Flip(t.Context(), w.flip(green))
	require.NoError(t, err)
	_, err = w.Flip(t.Context(), w.flip(blue)) // From says that there is no alias yet
	require.ErrorIs(t, err, catalog.ErrMoved)
	f := w.flip(blue)
	f.From = w.read(t).Aliases["production"]
	_, err = w.api.KV().Put(&api.KVPair{Key: w.keys.Alias(w.service, "production"), Value: []byte("blue-production")}, nil)
	require.NoError(t, err)
	_, err = w.Flip(t.Context(), f)
	require.ErrorIs(t, err, catalog.ErrMoved)
	require.True(t, w.read(t).FlippedByHand("production"))
}

func flipToReplaced(t *testing.T, w *world) {
	session := w.lock(t)
	require.NoError(t, w.PutRelease(t.Context(), w.service, green, catalog.Release{ID: "1", State: catalog.Standby}, session))
	f := w.flip(green)
	f.Releases = w.read(t).ReleasesAfter("production", catalog.AliasValue{}, f.To)
	require.NoError(t, w.PutRelease(t.Context(), w.service, green, catalog.Release{ID: "2", State: catalog.Staging}, session))
	_, err := w.Flip(t.Context(), f)
	require.ErrorIs(t, err, catalog.ErrMoved)
	s := w.read(t)
	require.Empty(t, s.Aliases)
	require.Equal(t, catalog.Staging, s.Releases[green].State)

	require.NoError(t, w.PutRelease(t.Context(), w.service, green, catalog.Release{ID: "2", State: catalog.Standby}, session))
	f.Releases = w.read(t).ReleasesAfter("production", catalog.AliasValue{}, f.To)
	_, err = w.Flip(t.Context(), f)
	require.NoError(t, err)
	require.Equal(t, catalog.Ready, w.read(t).Releases[green].State)
}

func flipWithoutLock(t *testing.T, w *world) {
	f := w.flip(green)
	f.LockSession = w.lock(t)
	require.NoError(t, w.Unlock(t.Context(), w.service, "production", f.LockSession))
	_, err := w.Flip(t.Context(), f)
	require.ErrorIs(t, err, catalog.ErrLockLost)
	require.Empty(t, w.read(t).Aliases)
}

func flipToCritical(t *testing.T, w *world) {
	w.instance(t, "a", green, "1", api.HealthPassing)
	w.instance(t, "b", green, "1", api.HealthPassing)
	f := w.flip(green)
	f.Guards = []catalog.Instance{w.awaitInstance(t, "a", catalog.Passing), w.awaitInstance(t, "b", catalog.Passing)}
	w.health(t, "b", api.HealthCritical)
	w.awaitInstance(t, "b", catalog.Critical)
	_, err := w.Flip(t.Context(), f)
	require.ErrorIs(t, err, catalog.ErrUnhealthy)
	require.Empty(t, w.read(t).Aliases)

	w.health(t, "b", api.HealthPassing)
	w.awaitInstance(t, "b", catalog.Passing)
	_, err = w.Flip(t.Context(), f)
	require.NoError(t, err)
}

func flipLeavesNoGuards(t *testing.T, w *world) {
	w.instance(t, "a", green, "1", api.HealthPassing)
	f := w.flip(green)
	f.Guards = []catalog.Instance{w.awaitInstance(t, "a", catalog.Passing)}
	_, err := w.Flip(t.Context(), f)
	require.NoError(t, err)
	left, _, err := w.api.KV().Keys(w.keys.Guards(), "", nil)
	require.NoError(t, err)
	require.Empty(t, left)
}

func lockHeldByOne(t *testing.T, w *world) {
	session := w.lock(t)
	_, _, err := w.Lock(t.Context(), w.service, "production", catalog.LockRecord{Holder: "other"})
	require.ErrorIs(t, err, catalog.ErrLocked)
	require.ErrorContains(t, err, "ops@here")
	require.NoError(t, w.Unlock(t.Context(), w.service, "production", session))
	w.lock(t)
}

func lostLock(t *testing.T, w *world) {
	session, lost, err := w.Lock(t.Context(), w.service, "production", catalog.LockRecord{Holder: "ops@here"})
	require.NoError(t, err)
	_, err = w.api.Session().Destroy(session, nil)
	require.NoError(t, err)
	select {
	case <-lost:
	case <-time.After(patience):
		require.Fail(t, "nobody noticed that the lock was lost")
	}
	require.NoError(t, w.Unlock(t.Context(), w.service, "production", session))
}

func recordsNeedLock(t *testing.T, w *world) {
	const none = "00000000-0000-0000-0000-000000000000"
	require.ErrorIs(t, w.PutDeployment(t.Context(), w.deployment("d1"), none), catalog.ErrLockLost)
	require.ErrorIs(t, w.PutRelease(t.Context(), w.service, green, catalog.Release{ID: "1"}, none), catalog.ErrLockLost)
	session := w.lock(t)
	require.NoError(t, w.PutRelease(t.Context(), w.service, green, catalog.Release{ID: "1"}, session))
	require.Equal(t, "1", w.read(t).Releases[green].ID)
	require.NoError(t, w.DeleteRelease(t.Context(), w.service, green, session))
	require.Empty(t, w.read(t).Releases)
}

// recordAgain is what a deployer does whose write was answered by nobody.
func recordAgain(t *testing.T, w *world) {
	session, d := w.lock(t), w.deployment("d1")
	read := func() catalog.Deployment {
		list, err := w.Deployments(t.Context(), w.service, "production")
		require.NoError(t, err)
		require.Len(t, list, 1)
		return list[0]
	}
	require.NoError(t, w.PutDeployment(t.Context(), d, session))
	first := read()
	require.NoError(t, w.PutDeployment(t.Context(), d, session))
	require.Equal(t, first, read(), "the same again is no change")
	d = d.Enter(catalog.Locked, time.Now(), "")
	require.NoError(t, w.PutDeployment(t.Context(), d, session))
	require.Equal(t, catalog.Locked, read().State)
}

// recordGoesOn is what Consul gets round to after it was away: a write that its
// deployer has given up, and that another one followed.
func recordGoesOn(t *testing.T, w *world) {
	session, late := w.lock(t), w.deployment("d1")
	next := late.Enter(catalog.Locked, time.Now(), "")
	require.NoError(t, w.PutDeployment(t.Context(), next, session))
	err := w.PutDeployment(t.Context(), late, session)
	require.ErrorIs(t, err, catalog.ErrChanged)
	require.ErrorContains(t, err, "it is locked by now")
	list, err := w.Deployments(t.Context(), w.service, "production")
	require.NoError(t, err)
	require.Equal(t, catalog.Locked, list[0].State)

	require.NoError(t, w.Unlock(t.Context(), w.service, "production", session))
	require.ErrorIs(t, w.PutDeployment(t.Context(), late, session), catalog.ErrLockLost, "who lost the lock is told that first")
}

// deadHoldersLock has a holder that renews nothing.
func deadHoldersLock(t *testing.T, w *world) {
	session, _, err := w.api.Session().Create(&api.SessionEntry{TTL: "10s", Behavior: api.SessionBehaviorDelete, LockDelay: time.Millisecond}, nil)
	require.NoError(t, err)
	record := catalog.LockRecord{Holder: "dead@there", Deployment: "d0", Since: time.Now()}
	held, _, err := w.api.KV().Acquire(&api.KVPair{Key: w.keys.Lock(w.service, "production"), Value: record.Encode(), Session: session}, nil)
	require.NoError(t, err)
	require.True(t, held)
	try := func() error {
		session, _, err := w.Lock(t.Context(), w.service, "production", catalog.LockRecord{Holder: "next@here", Deployment: "d1"})
		if err == nil {
			require.NoError(t, w.Unlock(t.Context(), w.service, "production", session))
		}
		return err
	}
	err = try()
	require.ErrorIs(t, err, catalog.ErrLocked)
	require.ErrorContains(t, err, "dead@there")
	_, err = w.api.Session().Destroy(session, nil) // as when its time is over
	require.NoError(t, err)
	require.NoError(t, try(), "at once")
}

func deploymentsInOrder(t *testing.T, w *world) {
	session := w.lock(t)
	for _, id := range []string{"20260102", "20260101", "20260103"} {
		require.NoError(t, w.PutDeployment(t.Context(), w.deployment(id), session))
	}
	list, err := w.Deployments(t.Context(), w.service, "production")
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, "20260101", list[0].ID)
	require.Equal(t, "20260103", list[2].ID)
}

func serviceReadWhole(t *testing.T, w *world) {
	s := w.read(t)
	require.Equal(t, &catalog.Service{Name: w.service}, s)
	w.instance(t, "a", green, "7", api.HealthWarning)
	i := w.awaitInstance(t, "a", catalog.Warning)
	require.Equal(t, green, i.Target)
	require.Equal(t, "7", i.Release)
	require.Contains(t, i.Checks, catalog.CheckStatus{ID: w.service + "a-ttl", Name: "alive", Status: catalog.Warning, Output: "as the test wants"})
}

func registration(t *testing.T, w *world) {
	want := catalog.Registration{
		ID: w.service + "r", Service: w.service, Address: "127.0.0.1", Port: 81, Tags: []string{"production", "blue"},
		Meta: map[string]string{"environment": "production"},
		Checks: []catalog.Check{
			{ID: w.service + "r-1", Name: "one", TTL: time.Minute},
			{ID: w.service + "r-2", Name: "two", TCP: "127.0.0.1:81", Interval: time.Minute, Timeout: time.Second},
		},
	}
	require.NoError(t, w.Register(t.Context(), want))
	find := func() (catalog.Registration, bool) {
		list, err := w.Registered(t.Context())
		require.NoError(t, err)
		for _, r := range list {
			if r.ID == want.ID {
				return r, true
			}
		}
		return catalog.Registration{}, false
	}
	got, ok := find()
	require.True(t, ok)
	require.True(t, want.Same(got), "%+v", got)
	want.Checks = want.Checks[:1]
	require.NoError(t, w.Register(t.Context(), want))
	got, _ = find()
	require.True(t, want.Same(got), "%+v", got)
	require.NoError(t, w.Deregister(t.Context(), want.ID))
	_, ok = find()
	require.False(t, ok)
	require.NoError(t, w.Deregister(t.Context(), want.ID))
}

func serviceConfig(t *testing.T, w *world) {
	describe := func(text string) func(catalog.ServiceConfig) catalog.ServiceConfig {
		return func(c catalog.ServiceConfig) catalog.ServiceConfig {
			c.Description = text
			return c
		}
	}
	index := func() uint64 {
		pair, _, err := w.api.KV().Get(w.keys.Service(w.service), nil)
		require.NoError(t, err)
		return pair.ModifyIndex
	}
	require.NoError(t, w.UpdateServiceConfig(t.Context(), w.service, describe("one")))
	first := index()
	require.NoError(t, w.UpdateServiceConfig(t.Context(), w.service, describe("one")))
	require.Equal(t, first, index(), "what stays the same is not written")

	tries := 0
	require.NoError(t, w.UpdateServiceConfig(t.Context(), w.service, func(c catalog.ServiceConfig) catalog.ServiceConfig {
		if tries++; tries == 1 {
			w.put(t, w.keys.Service(w.service), `{"owner":"somebody who was faster"}`)
		}
		c.Description = "two"
		return c
	}))
	config := w.read(t).Config
	require.Equal(t, []string{"two", "somebody who was faster"}, []string{config.Description, config.Owner})

	nothing := func(catalog.ServiceConfig) catalog.ServiceConfig { return catalog.ServiceConfig{} }
	for range 2 {
		require.NoError(t, w.UpdateServiceConfig(t.Context(), w.service, nothing))
		pair, _, err := w.api.KV().Get(w.keys.Service(w.service), nil)
		require.NoError(t, err)
		require.Nil(t, pair, "what says nothing has no key")
	}
}
