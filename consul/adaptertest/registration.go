package adaptertest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// registered is what the agent has of an instance.
func (w *world) registered(t *testing.T, id string) catalog.Registration {
	t.Helper()
	list, err := w.Registered(t.Context())
	require.NoError(t, err)
	for _, r := range list {
		if r.ID == id {
			return r
		}
	}
	require.Fail(t, "the agent has no such instance", id)
	return catalog.Registration{}
}

// checked is an instance with checks of these ids that are reported to.
func (w *world) checked(t *testing.T, ids ...string) catalog.Registration {
	t.Helper()
	r := catalog.Registration{ID: w.service + "/m:1", Service: w.service, Address: "127.0.0.1", Port: 81, Tags: []string{"a"}}
	for _, id := range ids {
		r.Checks = append(r.Checks, catalog.Check{ID: w.service + "/m:1:" + id, Name: id, TTL: time.Hour})
	}
	t.Cleanup(func() { _ = w.Deregister(context.WithoutCancel(t.Context()), r.ID) })
	return r
}

func reportedCheck(t *testing.T, w *world) {
	r := w.checked(t, "one", "two")
	r.Checks[1].Initial = catalog.Passing
	require.NoError(t, w.Register(t.Context(), r))
	require.Equal(t, catalog.Critical, w.registered(t, r.ID).Health(), "nothing passes before it has been checked")
	require.NoError(t, w.Report(t.Context(), r.Checks[0].ID, catalog.Passing, "it is well"))
	got := w.registered(t, r.ID)
	require.Equal(t, catalog.Passing, got.Health())
	for _, c := range got.Checks {
		require.Equal(t, c.ID == r.Checks[0].ID, c.Output == "it is well", c.ID)
	}
	require.NoError(t, w.Register(t.Context(), r))
	require.Equal(t, catalog.Passing, w.registered(t, r.ID).Health(), "a check that stays keeps what it says")
	require.Error(t, w.Report(t.Context(), w.service+"none", catalog.Passing, ""))
}

func keptMaintenance(t *testing.T, w *world) {
	r := w.checked(t, "one")
	require.NoError(t, w.Register(t.Context(), r))
	require.NoError(t, w.Maintain(t.Context(), r.ID, "draining, 100%"))
	require.Equal(t, "draining, 100%", w.registered(t, r.ID).Maintenance)
	require.NoError(t, w.Maintain(t.Context(), r.ID, "another reason"))
	require.Equal(t, "draining, 100%", w.registered(t, r.ID).Maintenance, "the first reason stays")

	next := w.checked(t, "two")
	next.Tags = []string{"b"}
	require.NoError(t, w.Register(t.Context(), next))
	got := w.registered(t, r.ID)
	require.True(t, next.Same(got), "the former check is gone: %+v", got)
	require.Equal(t, "draining, 100%", got.Maintenance)
	require.NoError(t, w.Maintain(t.Context(), r.ID, ""))
	require.NoError(t, w.Maintain(t.Context(), r.ID, ""), "what is over is fine")
	require.Empty(t, w.registered(t, r.ID).Maintenance)
}

func refusedRegistration(t *testing.T, w *world) {
	r := w.checked(t)
	r.Meta = map[string]string{"not allowed": "x"}
	err := w.Register(t.Context(), r)
	require.ErrorIs(t, err, catalog.ErrRefused)
	require.ErrorContains(t, err, "register "+r.ID)

	r = w.checked(t)
	r.Checks = []catalog.Check{{ID: w.service + "script", Name: "script", Args: []string{"true"}, Interval: time.Minute}}
	require.ErrorIs(t, w.Register(t.Context(), r), catalog.ErrRefused, "this agent runs no scripts")
}

func drainRequest(t *testing.T, w *world) {
	ctx, cancel := context.WithCancel(t.Context())
	drains := w.DrainsOf("node-of-" + w.service)
	changes, err := drains.Changes(ctx)
	require.NoError(t, err)
	told := func(why string) {
		t.Helper()
		select {
		case <-changes:
		case <-time.After(patience):
			require.Fail(t, "no change is told", why)
		}
	}
	told("at first")
	i := catalog.Instance{ID: "host:a/b:80", Node: "node-of-" + w.service, Container: "0123456789ab", Owner: "host"}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	require.NoError(t, w.RequestDrain(t.Context(), i, catalog.DrainRequest{By: "ops@here", Reason: "r8", At: at}))
	told("a request")
	w.put(t, w.keys.Drain("node-of-"+w.service, "by-hand"), "the disk is full")
	w.put(t, w.keys.Drain("another-node", "x"), "y")
	requests, err := drains.Requests(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]catalog.DrainRequest{
		"host:a/b:80": {By: "ops@here", Reason: "r8", At: at, Container: "0123456789ab", Owner: "host"},
		"by-hand":     {Reason: "the disk is full"},
	}, requests)

	require.NoError(t, w.CancelDrain(t.Context(), i))
	require.NoError(t, drains.Settle(t.Context(), "by-hand"))
	require.NoError(t, drains.Settle(t.Context(), "by-hand"), "one that is gone is fine")
	requests, err = drains.Requests(t.Context())
	require.NoError(t, err)
	require.Empty(t, requests)
	cancel()
	for range changes { // until it is closed
	}
}
