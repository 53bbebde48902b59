//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// How long Consul is away: as long as a bad restart of a server takes, where
// TEAL_TEST_LONG asks for it.
const (
	outageTime     = 24 * time.Second
	outageTimeLong = 2 * time.Minute
	longVariable   = "TEAL_TEST_LONG"

	calmTime = 2 * time.Second // under load, before and after
)

// TestRouterThroughOutage stops Consul under load. Meanwhile instances die, and
// routers are restarted: one hands its sockets over, the other is killed and
// knows only what it kept on disk. No request fails, as every service has a
// living instance at every moment.
func TestRouterThroughOutage(t *testing.T) {
	away := outageTime
	if os.Getenv(longVariable) != "" {
		away = outageTimeLong
	}
	o := newOutage(t, []staffed{
		{"wide", 5, catalog.Blue},
		{"trio-a", 3, catalog.Blue},
		{"trio-b", 3, catalog.Green},
		{"trio-c", 3, ""},
		{"pair-a", 2, catalog.Blue},
		{"pair-b", 2, ""},
		{"single-a", 1, catalog.Blue},
		{"single-b", 1, ""},
	})
	first, second := o.startRouter(t, 0), o.startRouter(t, 1)
	o.awaitSaved(t)
	stop := o.load(t)
	pause(t, calmTime)

	o.note("Consul is killed")
	o.consul.Kill()
	back := time.Now().Add(away)
	dying := o.killInstances(t, away)

	pause(t, away/3)
	o.note("router 0 hands over")
	third := o.startRouter(t, 0)
	o.awaitEnd(t, first)
	o.note("router 0 has handed over")

	o.balancer.takeOut(t, 1)
	o.note("router 1 is killed")
	second.end(syscall.SIGKILL)
	fourth := o.startRouter(t, 1)
	require.True(t, o.readiness(t, 1).Restored, "the router read Consul, which is away")
	o.balancer.putIn(1)
	o.note("router 1 is back")

	<-dying
	require.Less(t, time.Until(back), away/4, "the test's own steps ran late")
	pause(t, time.Until(back))
	o.note("Consul is started")
	o.consul.Restart()
	o.note("Consul is back")
	o.awaitConsistent(t)
	o.note("all is consistent")
	pause(t, calmTime)
	stop()

	o.requireNoFailure(t)
	for n, router := range []*daemon{third, fourth} {
		require.NotZero(t, o.retries(t, n), "router %d met no dead instance, so the test has shown nothing", n)
		require.Empty(t, router.done, "router %d has ended", n)
	}
}

// pause lets the load go on for a while.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-t.Context().Done():
	case <-time.After(d):
	}
}

// load has clients ask until stop is called, and then tells how they fared.
func (o *outage) load(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	began, done := time.Now(), make(chan struct{})
	go func() { defer close(done); o.clients.run(ctx) }()
	end := func() { cancel(); <-done }
	t.Cleanup(end)
	return func() {
		end()
		c, took := o.clients, time.Since(began)
		t.Logf("%d requests in %s (%.0f a second) over %d connections, %d failed; the slowest took %s", c.requests,
			took.Round(time.Second), float64(c.requests)/took.Seconds(), c.opened, len(c.failures), c.slowest)
	}
}

// killInstances has instances die one after the other, all but one of each
// service, spread over the time that Consul is away.
func (o *outage) killInstances(t *testing.T, over time.Duration) (done <-chan struct{}) {
	t.Helper()
	all := make(chan struct{})
	go func() {
		defer close(all)
		victims := o.victims()
		tick := time.NewTicker(over / time.Duration(len(victims)+2))
		defer tick.Stop()
		for _, i := range victims {
			select {
			case <-t.Context().Done():
				return
			case <-tick.C:
				n := i.underWay.Load()
				i.die()
				o.note(fmt.Sprintf("%s died with %d requests under way", i.name, n))
			}
		}
	}()
	t.Cleanup(func() { <-all })
	return all
}
