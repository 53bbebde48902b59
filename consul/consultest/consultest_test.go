package consultest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingBinarySaysWhatToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PATH", "")
	_, err := find()
	require.ErrorContains(t, err, "run make setup")
}

func TestFreePortsDiffer(t *testing.T) {
	seen := make(map[int]bool)
	for _, port := range freePorts(4) {
		require.False(t, seen[port])
		seen[port] = true
	}
}
