package adaptertest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
)

// watch runs Watch for the rest of the test and hands out its snapshots.
func (w *world) watch(t *testing.T) <-chan catalog.Snapshot {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	snapshots := make(chan catalog.Snapshot, 1000)
	done := make(chan error, 1)
	go func() { done <- w.Watch(ctx, func(s catalog.Snapshot) { snapshots <- s }) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return snapshots
}

// await waits for a snapshot that is as wanted.
func await(t *testing.T, snapshots <-chan catalog.Snapshot, what string, wanted func(catalog.Snapshot) bool) catalog.Snapshot {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case s := <-snapshots:
			if wanted(s) {
				return s
			}
		case <-limit:
			require.FailNow(t, "no such snapshot came", what)
		}
	}
}

func (w *world) put(t *testing.T, key, value string) {
	t.Helper()
	_, err := w.api.KV().Put(&api.KVPair{Key: key, Value: []byte(value)}, nil)
	require.NoError(t, err)
}

func watchFollows(t *testing.T, w *world) {
	w.instance(t, "a", blue, "1", api.HealthPassing)
	w.awaitInstance(t, "a", catalog.Passing)
	w.put(t, w.keys.Alias(w.service, "production"), "blue-production")

	snapshots := w.watch(t)
	first := <-snapshots
	s := first.Services.At(w.service)
	require.NotNil(t, s, "the first snapshot is whole")
	require.Len(t, s.Instances, 1)
	require.Equal(t, catalog.PointTo(blue), s.Aliases["production"].Value)

	w.put(t, w.keys.Alias(w.service, "production"), "green-production\n")
	moved := await(t, snapshots, "the alias moved", func(s catalog.Snapshot) bool {
		return s.Services.At(w.service).Aliases["production"].Value.Sends(green)
	})
	require.Greater(t, moved.AliasIndex, first.AliasIndex)
	require.GreaterOrEqual(t, moved.AliasIndex, moved.Services.At(w.service).Aliases["production"].Index)

	w.instance(t, "b", green, "2", api.HealthPassing)
	await(t, snapshots, "b passing", func(s catalog.Snapshot) bool {
		list := s.Services.At(w.service).Instances
		return len(list) == 2 && list[1].Health == catalog.Passing
	})
	w.health(t, "b", api.HealthCritical)
	await(t, snapshots, "b critical", func(s catalog.Snapshot) bool {
		list := s.Services.At(w.service).Instances
		return len(list) == 2 && list[1].Health == catalog.Critical
	})
	w.put(t, w.keys.Release(w.service, green), `{"release":"2","state":"ready"}`)
	await(t, snapshots, "a release", func(s catalog.Snapshot) bool { return s.Services.At(w.service).Releases[green].ID == "2" })
	w.put(t, w.keys.Service(w.service), `{"description":"hello"}`)
	await(t, snapshots, "a description", func(s catalog.Snapshot) bool { return s.Services.At(w.service).Config.Description == "hello" })

	require.NoError(t, w.Deregister(t.Context(), w.service+"a"))
	require.NoError(t, w.Deregister(t.Context(), w.service+"b"))
	gone := await(t, snapshots, "no instances", func(s catalog.Snapshot) bool { return len(s.Services.At(w.service).Instances) == 0 })
	require.Equal(t, "hello", gone.Services.At(w.service).Config.Description)
}

func watchShowsProblems(t *testing.T, w *world) {
	w.put(t, w.keys.Alias(w.service, "production"), "blue-production")
	w.put(t, w.keys.Alias(w.service, "next"), "mauve=")
	w.put(t, w.keys.Release(w.service, blue), "no JSON")
	s := <-w.watch(t)
	require.Contains(t, s.Services.At(w.service).Aliases, "production", "one bad key hides no other")
	require.NotContains(t, s.Services.At(w.service).Aliases, "next")
	var subjects []string
	for _, p := range s.Problems {
		subjects = append(subjects, p.Subject)
	}
	require.Contains(t, subjects, w.keys.Alias(w.service, "next"))
	require.Contains(t, subjects, w.keys.Release(w.service, blue))
}

func routerRecord(t *testing.T, w *world) {
	announcer := w.Announcer()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- announcer.Run(ctx) }()
	for applied := range uint64(3) { // it is there before it has applied anything
		require.NoError(t, announcer.Announce(t.Context(), catalog.RouterRecord{ID: "r1", Applied: applied}))
		list, err := w.Routers(t.Context())
		require.NoError(t, err)
		require.Equal(t, []catalog.RouterRecord{{ID: "r1", Applied: applied}}, list)
	}

	sessions, _, err := w.api.Session().List(nil)
	require.NoError(t, err)
	for _, s := range sessions {
		if s.Name == "teal router r1" {
			_, err = w.api.Session().Destroy(s.ID, nil)
			require.NoError(t, err)
		}
	}
	require.Eventually(t, func() bool {
		list, err := w.Routers(t.Context())
		require.NoError(t, err)
		return len(list) == 1
	}, patience, 50*time.Millisecond, "the record did not come back after its session was lost")

	cancel()
	require.NoError(t, <-done)
	list, err := w.Routers(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
}

// A router writes its record whenever the alias index moves. Were its own
// record to move that index, it would write for ever.
func watchDoesNotEcho(t *testing.T, w *world) {
	snapshots := w.watch(t)
	first := <-snapshots
	last := first
	for range 5 {
		w.put(t, w.keys.Router("r1"), "{}")
	}
	w.put(t, w.keys.Alias(w.service, "production"), "blue-production")
	next := await(t, snapshots, "the alias", func(s catalog.Snapshot) bool {
		if s.Services.At(w.service) != nil {
			return true
		}
		// An instance of an earlier test may go only now: that is a change.
		require.NotEmpty(t, slices.Collect(cow.Differences(last.Services, s.Services)), "the writes before made a snapshot")
		require.Equal(t, first.AliasIndex, s.AliasIndex)
		last = s
		return false
	})
	require.Greater(t, next.AliasIndex, first.AliasIndex)
}

// named is the same world with a service name of its own.
func (w *world) named(service string) *world {
	other := *w
	other.service = service
	return &other
}

func aliasAfterInstances(t *testing.T, w *world) {
	w.instance(t, "b", blue, "1", api.HealthPassing)
	w.awaitInstance(t, "b", catalog.Passing)
	w.put(t, w.keys.Alias(w.service, "production"), "blue-production")
	snapshots := w.watch(t)
	require.NotNil(t, (<-snapshots).Services.At(w.service))

	w.instance(t, "g", green, "2", api.HealthPassing)
	w.awaitInstance(t, "g", catalog.Passing)
	w.put(t, w.keys.Alias(w.service, "production"), "green-production")
	moved := await(t, snapshots, "the alias moved", func(s catalog.Snapshot) bool {
		return s.Services.At(w.service).Aliases["production"].Value.Sends(green)
	})
	require.Len(t, moved.Services.At(w.service).Passing(green), 1, "the alias came before the instances it points at")
}

// uncheckedIsFound registers and changes what no feed of checks tells of.
func uncheckedIsFound(t *testing.T, w *world) {
	for n := range 10 { // so that its turn would come too late
		w.named(fmt.Sprintf("%s-%d", w.service, n)).instance(t, "i", blue, "1", api.HealthPassing)
	}
	w = w.named(w.service + "-z")
	w.instance(t, "a", blue, "1", api.HealthPassing)
	w.awaitInstance(t, "a", catalog.Passing)
	snapshots := w.watch(t)
	require.Len(t, (<-snapshots).Services.At(w.service).Instances, 1)

	bare := catalog.Registration{
		ID: w.service + "b", Service: w.service, Address: "127.0.0.1", Port: 81,
		Tags: []string{"production", "blue"}, Meta: map[string]string{catalog.MetaRelease: "1"},
	}
	t.Cleanup(func() { _ = w.Deregister(context.WithoutCancel(t.Context()), bare.ID) })
	require.NoError(t, w.Register(t.Context(), bare))
	await(t, snapshots, "an instance without checks", func(s catalog.Snapshot) bool {
		return len(s.Services.At(w.service).Instances) == 2
	})
	bare.Meta[catalog.MetaRelease] = "2"
	require.NoError(t, w.Register(t.Context(), bare))
	await(t, snapshots, "another release", func(s catalog.Snapshot) bool {
		list := s.Services.At(w.service).Instances
		return len(list) == 2 && list[1].Release == "2"
	})
	require.NoError(t, w.Deregister(t.Context(), bare.ID))
	await(t, snapshots, "one instance", func(s catalog.Snapshot) bool { return len(s.Services.At(w.service).Instances) == 1 })
}

func firstSnapshotIsWhole(t *testing.T, w *world) {
	names := []string{w.service + "-a", w.service + "-b", w.service + "-c"}
	for _, name := range names {
		w.named(name).instance(t, "i", blue, "1", api.HealthPassing)
		w.named(name).awaitInstance(t, "i", catalog.Passing)
	}
	snapshot := <-w.watch(t)
	for _, name := range names {
		require.NotNil(t, snapshot.Services.At(name))
	}
}

func unreadableAliasStays(t *testing.T, w *world) {
	w.put(t, w.keys.Alias(w.service, "production"), "blue-production")
	w.put(t, w.keys.Release(w.service, blue), `{"release":"1"}`)
	w.put(t, w.keys.Service(w.service), `{"description":"hello"}`)
	w.put(t, w.keys.Halt(w.service, "production"), `{"kind":"pause"}`)
	snapshots := w.watch(t)
	<-snapshots
	w.put(t, w.keys.Alias(w.service, "production"), "blue production")
	w.put(t, w.keys.Release(w.service, blue), "{")
	w.put(t, w.keys.Service(w.service), "{")
	w.put(t, w.keys.Halt(w.service, "production"), "{")
	s := await(t, snapshots, "four problems", func(s catalog.Snapshot) bool { return len(s.Problems) == 4 }).Services.At(w.service)
	require.Equal(t, catalog.HaltPause, s.Halts["production"].Kind)
	require.True(t, s.Aliases["production"].Value.Sends(blue))
	require.Equal(t, "1", s.Releases[blue].ID)
	require.Equal(t, "hello", s.Config.Description)
}

func emptiedFolderIsHeld(t *testing.T, w *world) {
	w.put(t, w.keys.Alias(w.service, "production"), "blue-production")
	snapshots := w.watch(t)
	require.Positive(t, (<-snapshots).AliasIndex)
	_, err := w.api.KV().DeleteTree(w.keys.Aliases(), nil)
	require.NoError(t, err)
	held := <-snapshots
	require.Contains(t, held.Services.At(w.service).Aliases, "production")
	require.Len(t, held.Problems, 1)
	require.Zero(t, held.AliasIndex, "no flip counts as applied while it is not known which history this is")
	gone := await(t, snapshots, "the hold to end", func(s catalog.Snapshot) bool { return len(s.Problems) == 0 })
	require.Zero(t, gone.Services.Len())

	w.put(t, w.keys.Alias(w.service, "production"), "green-production")
	await(t, snapshots, "a new alias", func(s catalog.Snapshot) bool {
		return s.Services.At(w.service) != nil && s.Services.At(w.service).Aliases["production"].Value.Sends(green)
	})
}
