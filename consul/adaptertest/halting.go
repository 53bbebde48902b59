package adaptertest

import (
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func haltAndResume(t *testing.T, w *world) {
	h := catalog.Halt{Kind: catalog.HaltPause, MaxWaitMS: 30_000, By: "ops@here", At: time.Unix(1, 0).UTC()}
	require.NoError(t, w.Halt(t.Context(), w.service, "production", h))
	h.Kind = catalog.HaltMaintenance
	require.NoError(t, w.Halt(t.Context(), w.service, "production", h), "the last word counts")
	pair, _, err := w.api.KV().Get(w.keys.Halt(w.service, "production"), nil)
	require.NoError(t, err)
	h.Index = pair.ModifyIndex
	require.Equal(t, map[string]catalog.Halt{"production": h}, w.read(t).Halts)

	existed, err := w.Resume(t.Context(), w.service, "production")
	require.NoError(t, err)
	require.True(t, existed)
	require.Empty(t, w.read(t).Halts)
	existed, err = w.Resume(t.Context(), w.service, "production")
	require.NoError(t, err)
	require.False(t, existed)

	require.ErrorContains(t, w.Halt(t.Context(), w.service, "a/b", h), "halt a/b of "+w.service)
	_, err = w.Resume(t.Context(), "a/b", "production")
	require.ErrorContains(t, err, "resume production of a/b")
}

func haltEnds(t *testing.T, w *world) {
	w.instance(t, "a", blue, "1", api.HealthPassing)
	w.awaitInstance(t, "a", catalog.Passing)
	snapshots := w.watch(t)
	require.Empty(t, (<-snapshots).Services.At(w.service).Halts)
	require.NoError(t, w.Halt(t.Context(), w.service, "production", catalog.Halt{Kind: catalog.HaltPause}))
	await(t, snapshots, "a halt", func(s catalog.Snapshot) bool {
		return s.Services.At(w.service).Halts["production"].Kind == catalog.HaltPause
	})
	_, err := w.Resume(t.Context(), w.service, "production")
	require.NoError(t, err)
	await(t, snapshots, "no halt", func(s catalog.Snapshot) bool {
		require.Empty(t, s.Problems, "an end is nothing suspicious")
		return len(s.Services.At(w.service).Halts) == 0
	})
}
