package deployer_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// withRoom is a world in which registrators have told how much is free.
func withRoom(t *testing.T, a, b int64) *world {
	t.Helper()
	w := twoReleases(t)
	w.hosts = []catalog.HostRecord{{Node: "n1", Endpoint: "a", DiskFree: a}, {Node: "n2", Endpoint: "b", DiskFree: b}}
	return w
}

func TestAFullDiskEndsItBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	w := withRoom(t, 10<<30, 100<<20)
	created := w.created
	w.on = func(op, arg string) error {
		if op == "pull" {
			return errors.New("pulled " + arg)
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))

	f := failure(t, err)
	require.Equal(t, catalog.Locked, f.Stage)
	require.Contains(t, f.Reason, "host b: it has 100 MB of disk left, and 512 MB are wanted; remove images with `teal prune --images`")
	require.NotContains(t, f.Reason, "host a")
	require.Equal(t, created, w.created)
	assertLiveUntouched(t, w)
}

func TestADiskThatNobodyCanSeeIsNoHindrance(t *testing.T) {
	t.Parallel()
	w := withRoom(t, 1<<30, 0)
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))
	require.NoError(t, err)
}
