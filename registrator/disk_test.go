package registrator

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDiskToTell(t *testing.T) {
	for _, test := range []struct{ told, now, want int64 }{
		{0, 1000, 1000},
		{1000, 1000, 1000},
		{1000, 901, 1000},
		{1000, 900, 1000},
		{1000, 899, 899},
		{1000, 1100, 1000},
		{1000, 1101, 1101},
		{0, 0, 1},
		{1000, 0, 1},
		{1, 0, 1},
		{1, 50, 50},
	} {
		require.Equal(t, test.want, diskToTell(test.told, test.now), "%d after %d", test.now, test.told)
	}
}

func TestDiskFree(t *testing.T) {
	free, err := DiskFree(t.TempDir())
	require.NoError(t, err)
	require.Positive(t, free)
	nowhere := filepath.Join(t.TempDir(), "none")
	_, err = DiskFree(nowhere)
	require.ErrorContains(t, err, nowhere)
}
