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

// A registrator may reach its engine by another way than deployers do.
func TestADiskIsKnownByTheEnginesOwnID(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.hosts = []catalog.HostRecord{
		{Node: "n1", Endpoint: "tcp://n1:2375", Engine: "engine of a", DiskFree: 100 << 20},
		{Node: "n2", Endpoint: "tcp://n2:2375", Engine: "engine of b", DiskFree: 100 << 20},
		{Node: "n3", Endpoint: "tcp://n3:2375", Engine: "engine of b", DiskFree: 10 << 30},
	}
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))
	f := failure(t, err)
	require.Contains(t, f.Reason, "host a: it has 100 MB of disk left")
	require.NotContains(t, f.Reason, "host b", "two engines with one id tell nothing")
}
