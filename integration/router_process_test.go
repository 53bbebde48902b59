//go:build integration

package integration

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ticksPerSecond is the unit of times in /proc, the same on every Linux that
// Teal runs on.
const ticksPerSecond = 100

// ticks is the CPU time that a process has used so far (proc_pid_stat(5)).
func ticks(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), ") ") // what follows the name
	require.True(t, found, string(text))
	const utime, stime = 11, 12 // from there on
	f := strings.Fields(rest)
	sum := 0
	for _, field := range []int{utime, stime} {
		n, err := strconv.Atoi(f[field])
		require.NoError(t, err)
		sum += n
	}
	return time.Duration(sum) * time.Second / ticksPerSecond
}
