package deployer_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

// TestEndToEndRollbackToAKeptRelease goes back, under load, to releases that were
// live in either colour, with real processes, checks and routers.
func TestEndToEndRollbackToAKeptRelease(t *testing.T) {
	l := newLaptop(t)
	for _, release := range []string{"r1", "r2", "r3"} {
		_, err := l.deploy(t, t.Context(), "production", "good", release)
		require.NoError(t, err)
	}
	d := l.Deployer(l.log(t))
	status, err := d.Status(t.Context(), "web")
	require.NoError(t, err)
	require.Len(t, status.Kept, 1)
	require.Equal(t, "r1", status.Kept[0].Release)
	require.Equal(t, []string{"process://laptop"}, status.Kept[0].Hosts)

	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		for ctx.Err() == nil {
			body, err := l.ask(t.Context(), "web.proxy.test", "/")
			if err != nil || !strings.HasPrefix(body, "r") {
				t.Errorf("a request failed: %q %v", body, err)
				return
			}
		}
	})
	defer wait.Wait()
	defer cancel()
	for _, release := range []string{"r1", "r2"} { // r1 was blue and goes to green, r2 was green and goes to blue
		began := time.Now()
		done, err := d.RollbackTo(t.Context(), deployer.RollbackRequest{Service: "web", Environment: "production", Release: release})
		require.NoError(t, err)
		require.Less(t, time.Since(began), time.Minute)
		require.Equal(t, release, done.Release)
		require.Empty(t, done.Notes)
		require.Equal(t, release, l.get(t, "web.proxy.test"))
		require.Equal(t, release, l.get(t, "shop.example.com"), "the declared route stays")
	}
	status, err = d.Status(t.Context(), "web")
	require.NoError(t, err)
	require.Empty(t, status.Drift)
	require.Equal(t, catalog.Succeeded, status.Deployments[0].State)
	require.NotEmpty(t, status.Deployments[0].RolledBackTo)
	require.Equal(t, "r3", status.Kept[0].Release)

	var written lines
	require.NoError(t, d.Logs(t.Context(), deployer.LogRequest{Service: "web", Environment: "production", Lines: 5}, written.add))
	require.NotEmpty(t, written.all)
}
