//go:build integration

package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Two deployments over three engines and a rollback, under load through both
// routers: not one request fails.
func TestFleetDeploysUnderLoad(t *testing.T) {
	w := newFleetWorld(t)
	w.images(t, first, second)
	s := w.newShop(t, shop, shopFileOptions{production: []string{"aliases: [www]"}})
	s.mustDeploy(first)
	s.logSteps()
	require.Equal(t, "blue-production", s.alias())
	require.Equal(t, "blue-production", s.aliasNamed("www"))
	require.Equal(t, fleetSize*replicas, s.passing(first))

	l := s.startLoad(150)
	l.expect(first)
	l.settled(100)
	l.expect(first, second)
	s.mustDeploy(second)
	s.logSteps()
	require.Equal(t, "green-production", s.alias())
	require.Equal(t, "green-production", s.aliasNamed("www"))
	require.Equal(t, fleetSize*replicas, s.passing(second))
	l.expect(second)
	l.settled(100)
	require.Empty(t, s.leftovers())

	l.expect(first, second)
	var took time.Duration
	reached := s.timeToRouters(first, func() {
		began := time.Now()
		r := s.run(nil, "rollback", s.name)
		took = time.Since(began)
		require.Zero(t, r.code, r.out)
	})
	t.Logf("rollback: every router had it after %s, the command took %s", reached.Round(time.Millisecond), took.Round(time.Millisecond))
	requireAtOnce(t, reached)
	require.Equal(t, "blue-production", s.alias())
	require.Equal(t, "blue-production", s.aliasNamed("www"))
	l.expect(first)
	l.settled(100)
	require.Empty(t, s.leftovers())
	l.end()
}
