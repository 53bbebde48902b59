//go:build integration

package integration

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// longTest makes the tests that measure do so often enough for figures.
const longTest = "TEAL_TEST_LONG"

// times is how often something is measured: a few times, or many in a long test.
func times(few, many int) int {
	if os.Getenv(longTest) != "" {
		return many
	}
	return few
}

// requireAtOnce holds going back to a running standby to a second, from the start
// of the command. That is for a machine which does nothing else, as in a long
// test; on a busy one only most of the times count, and each has more.
func requireAtOnce(t *testing.T, took ...time.Duration) {
	t.Helper()
	if os.Getenv(longTest) != "" {
		require.Less(t, slices.Max(took), time.Second)
		return
	}
	require.Less(t, spans(took).median(), 5*time.Second)
}

// Going back under load, from the start of the command until every router answers
// with the other release: at once while the standby runs, and soon when it has to
// be started first, because the environment wants it so or because somebody has
// stopped it. Not one request fails.
func TestFleetRollbackInTime(t *testing.T) {
	w := newFleetWorld(t)
	w.images(t, first, second)
	s := w.newShop(t, shop+"-back", shopFileOptions{production: []string{"standby: stopped"}})
	s.mustDeploy(first)
	s.mustDeploy(second)
	require.Empty(t, s.running("blue-production"))
	l := s.startLoad(100)
	l.expect(first, second)
	l.settled(50)

	stopped := spans{s.timeRollback(first)} // by the environment's wish
	var running spans
	for range times(6, 30) {
		running = append(running, s.timeRollback(s.other()))
		l.settled(20)
	}
	for range times(0, 6) {
		s.stopStandby()
		stopped = append(stopped, s.timeRollback(s.other()))
		l.settled(20)
	}
	l.end()
	t.Logf("rollback, standby running: every router had it after %s", running)
	t.Logf("rollback, standby stopped: every router had it after %s", stopped)
	requireAtOnce(t, running...)
	require.Less(t, slices.Max(stopped), time.Minute)
}

// timeRollback goes back, and answers how long after the start of the command the
// release answered at every router.
func (s *fleetShop) timeRollback(release string) time.Duration {
	s.t.Helper()
	return s.timeToRouters(release, func() {
		r := askTeal(s.t, s.w.env(s.wire), "rollback", s.name)
		require.Zero(s.t, r.code, r.out)
	})
}

// other is the release that is not live.
func (s *fleetShop) other() string {
	s.t.Helper()
	if s.liveRelease() == first {
		return second
	}
	return first
}

// stopStandby stops what is not live, by hand and on all hosts, and waits until
// Consul knows.
func (s *fleetShop) stopStandby() {
	s.t.Helper()
	standby := s.other()
	target := map[string]string{"blue-production": "green-production", "green-production": "blue-production"}[s.alias()]
	for id, h := range s.running(target) {
		require.NoError(s.t, h.docker.ContainerStop(s.t.Context(), id, container.StopOptions{}))
	}
	require.Eventually(s.t, func() bool { return s.passing(standby) == 0 }, patience, fleetPoll)
}

// running are the hosts of the running containers of a target, by id.
func (s *fleetShop) running(target string) map[string]*fleetHost {
	s.t.Helper()
	found := map[string]*fleetHost{}
	for _, h := range s.w.hosts {
		list, err := h.docker.ContainerList(s.t.Context(), container.ListOptions{Filters: s.byService()})
		require.NoError(s.t, err)
		for _, c := range list {
			if targetOf(c.Labels) == target && c.Labels[catalog.LabelScope] != catalog.ScopeShared {
				found[c.ID] = h
			}
		}
	}
	return found
}

// spans are times that were measured.
type spans []time.Duration

// median is the middle of them.
func (s spans) median() time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[len(sorted)/2]
}

func (s spans) String() string {
	ms := time.Millisecond
	return fmt.Sprintf("%s (median of %d), %s to %s", s.median().Round(ms), len(s), slices.Min(s).Round(ms), slices.Max(s).Round(ms))
}
