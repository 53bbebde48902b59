package adaptertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// staging are the tests of claiming a target for a deployment.
func staging() map[string]func(*testing.T, *world) {
	return map[string]func(*testing.T, *world){
		"a target is claimed as it was read":               stagedAsRead,
		"a claim fails when the alias has moved":           stagedAfterFlip,
		"a claim fails when the alias has come into being": stagedAfterFirstFlip,
		"a claim fails when the record is somebody else's": stagedTwice,
		"a claim fails without the lock":                   stagedUnlocked,
		"a flip to what was claimed meanwhile is refused":  flippedAfterClaim,
	}
}

// stage claims green for a release of its own.
func (w *world) stage(t *testing.T, old *catalog.Release, alias catalog.Alias, session string) error {
	t.Helper()
	next := catalog.Release{ID: "2", Deployment: "d2", State: catalog.Staging}
	return w.StageRelease(t.Context(), w.service, green, old, next, alias, session)
}

// holdsStandby puts a standby into green and answers it, and the alias at blue.
func (w *world) holdsStandby(t *testing.T, session string) (*catalog.Release, catalog.Alias) {
	t.Helper()
	require.NoError(t, w.PutRelease(t.Context(), w.service, green, catalog.Release{ID: "1", Deployment: "d1", State: catalog.Standby}, session))
	_, err := w.Flip(t.Context(), w.flip(blue))
	require.NoError(t, err)
	s := w.read(t)
	old := s.Releases[green]
	return &old, s.Aliases["production"]
}

func stagedAsRead(t *testing.T, w *world) {
	session := w.lock(t)
	old, alias := w.holdsStandby(t, session)
	require.NoError(t, w.stage(t, old, alias, session))
	require.Equal(t, "2", w.read(t).Releases[green].ID)
}

func stagedAfterFlip(t *testing.T, w *world) {
	session := w.lock(t)
	old, alias := w.holdsStandby(t, session)
	back := w.flip(green)
	back.From = alias
	_, err := w.Flip(t.Context(), back)
	require.NoError(t, err)
	require.ErrorIs(t, w.stage(t, old, alias, session), catalog.ErrMoved)
	require.Equal(t, "1", w.read(t).Releases[green].ID)
}

func stagedAfterFirstFlip(t *testing.T, w *world) {
	session := w.lock(t)
	_, err := w.Flip(t.Context(), w.flip(blue))
	require.NoError(t, err)
	require.ErrorIs(t, w.stage(t, nil, catalog.Alias{Name: "production"}, session), catalog.ErrMoved)
}

func stagedTwice(t *testing.T, w *world) {
	session := w.lock(t)
	old, alias := w.holdsStandby(t, session)
	require.NoError(t, w.stage(t, old, alias, session))
	require.ErrorIs(t, w.stage(t, old, alias, session), catalog.ErrMoved)
	require.ErrorIs(t, w.stage(t, nil, alias, session), catalog.ErrMoved)
}

func stagedUnlocked(t *testing.T, w *world) {
	session := w.lock(t)
	old, alias := w.holdsStandby(t, session)
	require.NoError(t, w.Unlock(t.Context(), w.service, "production", session))
	require.ErrorIs(t, w.stage(t, old, alias, session), catalog.ErrLockLost)
}

func flippedAfterClaim(t *testing.T, w *world) {
	session := w.lock(t)
	old, alias := w.holdsStandby(t, session)
	back := w.flip(green)
	back.From = alias
	back.Releases = map[catalog.Target]catalog.Release{green: *old}
	require.NoError(t, w.stage(t, old, alias, session))
	_, err := w.Flip(t.Context(), back)
	require.ErrorIs(t, err, catalog.ErrMoved)
	require.Equal(t, "blue-production", w.read(t).Aliases["production"].Value.String())
}
