package registrator

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

const webID = "host-1:web:80"

// hearing starts an agent that hears of signals and of requests to drain.
func hearing(t *testing.T, h *fakeHost, m *fakeMail) (stop func()) {
	t.Helper()
	agent, err := New(Config{Options: h.opt, Runtime: h, Registry: h, Signals: m, Drains: m})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	ended := false
	stop = func() {
		if !ended {
			ended = true
			cancel()
			require.NoError(t, <-done)
		}
	}
	t.Cleanup(stop)
	time.Sleep(time.Second)
	return stop
}

func TestARequestDrainsAnInstanceUntilItIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, m := newFakeHost(t), newFakeMail(t)
		h.containers = []catalog.Container{container("web", 80), container("other", 80)}
		hearing(t, h, m)
		m.write(func() {
			m.requests[webID] = catalog.DrainRequest{By: "ops@here", Reason: "r8 takes over", Container: short(h.containers[0].ID)}
		})
		time.Sleep(time.Millisecond)
		require.Equal(t, "teal: draining 0123456789ab: asked by ops@here: r8 takes over", h.instance(webID).Maintenance, "at once")
		require.Empty(t, h.instance("host-1:other:80").Maintenance)
		writes := h.writeCount()
		time.Sleep(time.Minute)
		require.Equal(t, writes, h.writeCount())

		h.change(func() { h.containers[0].Running = false })
		time.Sleep(time.Second)
		require.NotContains(t, h.ids(), webID)
		time.Sleep(2 * DefaultInterval)
		require.Empty(t, m.asked(), "the request is forgotten")
		h.change(func() { h.containers[0].Running = true })
		time.Sleep(time.Second)
		require.Contains(t, h.ids(), webID)
		require.Empty(t, h.instance(webID).Maintenance)
	})
}

func TestARequestThatIsTakenBackIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, m := newFakeHost(t), newFakeMail(t)
		h.containers = []catalog.Container{container("web", 80)}
		m.requests[webID] = catalog.DrainRequest{Reason: "by hand"}
		hearing(t, h, m)
		require.Contains(t, h.instance(webID).Maintenance, "by hand")
		m.write(func() { m.fault = errFault })
		time.Sleep(time.Minute)
		require.NotEmpty(t, h.instance(webID).Maintenance, "what can't be read is not taken back")
		m.write(func() { m.fault = nil; clear(m.requests) })
		time.Sleep(time.Millisecond)
		require.Empty(t, h.instance(webID).Maintenance)
	})
}

func TestANewIncarnationIsNotDrainedForItsPredecessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, m := newFakeHost(t), newFakeMail(t)
		h.containers = []catalog.Container{container("web", 80)}
		h.containers[0].Started = time.Now()
		m.requests[webID] = catalog.DrainRequest{Reason: "x"}
		stop := hearing(t, h, m)
		require.NotEmpty(t, h.instance(webID).Maintenance)
		stop()
		h.quietly(func() { h.containers[0].Started = time.Now() }) // it was restarted while nobody looked
		hearing(t, h, m)
		time.Sleep(time.Minute)
		require.Empty(t, h.instance(webID).Maintenance)
		require.Empty(t, m.asked())
	})
}

func TestARequestThatCannotBeForgottenGoesOnHolding(t *testing.T) {
	drained := run(webID, "c1", "")
	v := view{desired: []catalog.Registration{drained}, concluded: []string{webID}, changes: Changes{Resume: []string{webID, "other"}}}
	m := newFakeMail(t)
	m.fails(func() error { return errFault })
	agent, err := New(Config{Options: options, Runtime: newFakeHost(t), Registry: newFakeHost(t), Drains: m})
	require.NoError(t, err)
	w := writing{agent: agent, failed: map[string]bool{}}
	require.Equal(t, []string{"other"}, w.settle(t.Context(), v).Resume)
	require.Len(t, w.failures, 1)
}

func TestAContainerThatIsToldToEndDrainsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, m := newFakeHost(t), newFakeMail(t)
		h.containers = []catalog.Container{container("web", 80)}
		stop := hearing(t, h, m)
		id := h.containers[0].ID
		m.send(catalog.Signal{Container: id, Number: 1, At: time.Now()})
		time.Sleep(time.Millisecond)
		require.Empty(t, h.instance(webID).Maintenance, "SIGHUP reloads")
		m.send(catalog.Signal{Container: id, Number: 15, At: time.Now()})
		time.Sleep(time.Millisecond)
		require.Contains(t, h.instance(webID).Maintenance, "signal 15")
		stop() // and is forgotten by the registrator, not by Consul
		hearing(t, h, m)
		time.Sleep(time.Minute)
		require.Contains(t, h.instance(webID).Maintenance, "signal 15", "sticky")

		h.change(func() { h.containers[0].ID = "fedcba9876543210" })
		time.Sleep(time.Second)
		require.Empty(t, h.instance(webID).Maintenance, "another incarnation")
	})
}

func TestSomebodyElsesMaintenanceIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, m := newFakeHost(t), newFakeMail(t)
		h.containers = []catalog.Container{container("web", 80)}
		hearing(t, h, m)
		h.quietly(func() {
			r := h.services[webID]
			r.Maintenance = "disk is full"
			h.services[webID] = r
		})
		m.write(func() { m.requests[webID] = catalog.DrainRequest{Reason: "x"} })
		time.Sleep(time.Minute)
		require.Equal(t, "disk is full", h.instance(webID).Maintenance)
		m.write(func() { clear(m.requests) })
		h.change(func() { h.containers[0] = labelled(h.containers[0], "SERVICE_TAGS=new") })
		time.Sleep(time.Minute)
		require.Equal(t, "disk is full", h.instance(webID).Maintenance, "not even by registering again")
		require.Equal(t, []string{"new"}, h.instance(webID).Tags)
	})
}

func TestPausedContainersStayRegisteredAndDoNotPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{container("web", 80)}
		running(t, h)
		time.Sleep(time.Second)
		require.Empty(t, h.instance(webID).Checks)
		h.change(func() { h.containers[0].Running, h.containers[0].Paused = false, true })
		time.Sleep(time.Second)
		require.Len(t, h.instance(webID).Checks, 1)
		require.Contains(t, h.instance(webID).Checks[0].Name, "paused")
		h.change(func() { h.containers[0].Running, h.containers[0].Paused = true, false })
		time.Sleep(time.Second)
		require.Empty(t, h.instance(webID).Checks)
	})
}

func TestDockersHealthIsReportedWhenItChangesAndBeforeItRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{labelled(container("web", 80), "SERVICE_CHECK_DOCKER_HEALTH=true")}
		h.containers[0].Health = "starting"
		running(t, h)
		status := func() catalog.Health { return h.instance(webID).Checks[0].Status }
		time.Sleep(time.Second)
		require.Equal(t, catalog.Critical, status())
		require.Zero(t, h.reportCount(), "it began so")
		h.change(func() { h.containers[0].Health = "healthy" })
		time.Sleep(time.Second)
		require.Equal(t, catalog.Passing, status())
		require.Equal(t, 1, h.reportCount())

		writes := h.writeCount()
		time.Sleep(time.Hour)
		require.Equal(t, writes, h.writeCount(), "no registration is written")
		least := int(time.Hour / (DockerHealthTTL / 3))
		require.InDelta(t, least, h.reportCount(), 3, "no more than is needed")

		h.change(func() { h.containers[0].Health = "unhealthy" })
		time.Sleep(time.Second)
		require.Equal(t, catalog.Critical, status())
		before := h.reportCount()
		time.Sleep(time.Hour)
		require.Equal(t, before, h.reportCount(), "what is critical may run out")
	})
}

func TestARefusedRegistrationIsAProblemAndNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{container("web", 80)}
		h.writeFault = func() error { return catalog.ErrRefused }
		agent := running(t, h)
		time.Sleep(time.Second)
		status := agent.Status()
		require.NoError(t, status.Err)
		require.NotZero(t, status.LastGood)
		require.Zero(t, status.Registered)
		require.Len(t, status.Problems, 1)
		require.Equal(t, webID, status.Problems[0].Subject)
	})
}

func TestAdoptionLeavesNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.opt.Adopt = true
		h.containers = []catalog.Container{labelled(container("web", 80), "SERVICE_CHECK_DOCKER_HEALTH=true")}
		h.containers[0].Health = "starting"
		h.adopted = map[string]bool{"box:web:80": true}
		h.services["box:web:80"] = entry("box:web:80", 40000, catalog.Passing)
		h.services["box:gone:80"] = entry("box:gone:80", 40001, catalog.Passing)
		hearing(t, h, newFakeMail(t))
		time.Sleep(time.Minute)
		require.Equal(t, []string{"box:gone:80", "box:web:80", webID}, h.ids(), "ours does not pass yet")
		h.change(func() { h.containers[0].Health = "healthy" })
		time.Sleep(time.Minute)
		require.Equal(t, []string{"box:gone:80", webID}, h.ids(), "what is none of ours stays")
	})
}
