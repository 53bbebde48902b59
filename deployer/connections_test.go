package deployer_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/deployer"
	"teal/deployer/hosts"
)

// However often somebody looks, each host is connected to once.
func TestEachHostIsConnectedToOnce(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	var mu sync.Mutex
	times := map[string]int{}
	d := deployer.New(deployer.Options{
		Store: w, Fleet: w, By: "test@here", Poll: time.Millisecond,
		Connect: func(endpoint string) (hosts.Host, error) {
			mu.Lock()
			defer mu.Unlock()
			times[endpoint]++
			return w.connect(endpoint)
		},
	})
	for range 3 {
		_, err := d.Status(t.Context(), "web")
		require.NoError(t, err)
	}
	require.Equal(t, map[string]int{"a": 1, "b": 1}, times)
}
