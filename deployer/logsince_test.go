package deployer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLogSince(t *testing.T) {
	require.Equal(t, "c\nd\n", since("a\nb\nc\nd\n", "b"))
	require.Equal(t, "b\n", since("b\na\nb\n", "a"))
	require.Equal(t, "x\n", since("a\x1b[1m\nx\n", "a"))
	require.Equal(t, "c\nd\n", since("c\nd\n", "gone"))
	require.Empty(t, since("a\n", "a"))
}
