package registrator

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// running starts an agent within a synctest bubble and ends it with the test.
func running(t *testing.T, h *fakeHost) *Agent {
	t.Helper()
	agent, err := New(Config{Options: options, Runtime: h, Registry: h})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return agent
}

func TestNewNeedsToKnowItsHost(t *testing.T) {
	_, err := New(Config{})
	require.ErrorContains(t, err, "owner")
	_, err = New(Config{Options: Options{Owner: "o"}})
	require.ErrorContains(t, err, "address")
	_, err = New(Config{Options: Options{Owner: "o", Internal: true}})
	require.NoError(t, err)
}

func TestTheAgentSubscribesFirstThenLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{container("web", 80)}
		h.services["consul"] = theirs("consul", nil)
		agent := running(t, h)
		time.Sleep(time.Second)
		require.Equal(t, []string{"subscribe", "list"}, h.called())
		require.Equal(t, []string{"consul", "host-1:web:80"}, h.ids())
		status := agent.Status()
		require.NoError(t, status.Err)
		require.Equal(t, 1, status.Registered)
		require.WithinDuration(t, time.Now(), status.LastGood, time.Second)
	})
}

func TestAnEventIsFollowedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		running(t, h)
		time.Sleep(time.Second)
		h.change(func() { h.containers = append(h.containers, container("web", 80)) })
		time.Sleep(2 * DefaultDebounce)
		require.Equal(t, []string{"host-1:web:80"}, h.ids())
		h.change(func() { h.containers = nil })
		time.Sleep(2 * DefaultDebounce)
		require.Empty(t, h.ids())
	})
}

func TestAStormOfEventsIsOneLookButDoesNotStarve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		running(t, h)
		time.Sleep(time.Second)
		before := len(h.called())
		h.change(func() { h.containers = append(h.containers, container("web", 80)) })
		for range 100 { // one second of events, closer than the debounce time
			h.change(func() {})
			time.Sleep(10 * time.Millisecond)
		}
		require.Equal(t, []string{"host-1:web:80"}, h.ids())
		require.LessOrEqual(t, len(h.called())-before, 2)
	})
}

func TestALostEventCostsAnIntervalAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		running(t, h)
		time.Sleep(time.Second)
		h.quietly(func() { h.containers = append(h.containers, container("web", 80)) })
		time.Sleep(DefaultInterval + DefaultInterval/5)
		require.Equal(t, []string{"host-1:web:80"}, h.ids())
		h.quietly(func() { clear(h.services) }) // the agent has lost all
		time.Sleep(DefaultInterval + DefaultInterval/5)
		require.Equal(t, []string{"host-1:web:80"}, h.ids())
	})
}

func TestAnEndedStreamIsSubscribedAgainForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		running(t, h)
		time.Sleep(time.Second)
		h.quietly(func() { h.streamFault = func() error { return errFault } })
		h.endStreams()
		time.Sleep(time.Hour)
		h.quietly(func() { h.streamFault = nil })
		time.Sleep(2 * lastDelay)
		h.change(func() { h.containers = append(h.containers, container("web", 80)) })
		time.Sleep(2 * DefaultDebounce)
		require.Equal(t, []string{"host-1:web:80"}, h.ids())
	})
}

func TestWhatHappenedWhileTheStreamWasDownIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		running(t, h)
		time.Sleep(time.Second)
		h.quietly(func() { h.containers = append(h.containers, container("web", 80)) })
		h.endStreams()
		time.Sleep(time.Second)
		require.Equal(t, []string{"host-1:web:80"}, h.ids())
	})
}

func TestTheFirstLookDoesNotWaitForTheEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{container("web", 80)}
		h.streamFault = func() error { return errFault }
		running(t, h)
		time.Sleep(100 * time.Millisecond)
		require.Equal(t, []string{"host-1:web:80"}, h.ids())
	})
}

func TestAFailedLookChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{container("a", 80), container("b", 80)}
		agent := running(t, h)
		time.Sleep(time.Second)
		good := agent.Status().LastGood
		writes := h.writeCount()

		h.quietly(func() { h.listFault = func() error { return errFault } })
		time.Sleep(time.Minute)
		require.ErrorIs(t, agent.Status().Err, errFault)
		h.quietly(func() { h.listFault, h.readFault = nil, func() error { return errFault } })
		time.Sleep(time.Minute)
		require.Equal(t, writes, h.writeCount())
		require.Equal(t, 2, agent.Status().Registered, "as last seen")
		require.True(t, good.Equal(agent.Status().LastGood))

		h.quietly(func() { h.readFault = nil })
		time.Sleep(2 * lastDelay)
		require.NoError(t, agent.Status().Err)
		require.Equal(t, writes, h.writeCount())
	})
}

func TestAFailedWriteIsTriedAgainSoonAndKeepsNoOtherBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{container("a", 80), container("b", 80)}
		refused := false
		h.writeFault = func() error {
			if refused {
				return nil
			}
			refused = true
			return errFault
		}
		agent := running(t, h)
		time.Sleep(100 * time.Millisecond)
		require.Equal(t, []string{"host-1:b:80"}, h.ids())
		require.ErrorContains(t, agent.Status().Err, "register host-1:a:80")
		time.Sleep(time.Second)
		require.Equal(t, []string{"host-1:a:80", "host-1:b:80"}, h.ids())
	})
}

func TestEveryCallHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{container("web", 80)}
		h.hangs = true
		agent := running(t, h)
		time.Sleep(time.Minute)
		require.ErrorIs(t, agent.Status().Err, context.DeadlineExceeded)
		require.ErrorContains(t, agent.Status().Err, "list the containers")
		h.quietly(func() { h.hangs, h.writesHang = false, true })
		time.Sleep(time.Minute)
		require.ErrorIs(t, agent.Status().Err, context.DeadlineExceeded)
		require.ErrorContains(t, agent.Status().Err, "register host-1:web:80")
		h.quietly(func() { h.writesHang = false })
		time.Sleep(time.Minute)
		require.NoError(t, agent.Status().Err)
		require.Equal(t, []string{"host-1:web:80"}, h.ids())
		h.change(func() { h.containers = nil })
		time.Sleep(2 * DefaultDebounce)
		require.Empty(t, h.ids(), "the events are followed")
	})
}

func TestAnUnchangedWorldIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{labelled(container("web", 80, 443), "SERVICE_CHECK_TCP=true", "SERVICE_TAGS=b,a")}
		running(t, h)
		time.Sleep(time.Second)
		writes := h.writeCount()
		for range 1000 {
			h.change(func() {})
			time.Sleep(time.Second)
		}
		require.Equal(t, writes, h.writeCount())
	})
}

func TestProblemsAreToldByTheStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{labelled(container("a", 80), "SERVICE_COLOUR=red"), labelled(container("b", 80), "SERVICE_ID=taken")}
		h.services["taken"] = theirs("taken", nil)
		agent := running(t, h)
		time.Sleep(time.Second)
		status := agent.Status()
		require.Len(t, status.Problems, 2)
		require.Equal(t, []string{"a", "taken"}, []string{status.Problems[0].Subject, status.Problems[1].Subject})
		require.Zero(t, status.Registered)
		require.NoError(t, status.Err, "a bad container is no failure of the registrator")
		status.Problems[0].Subject = "changed"
		require.Equal(t, "a", agent.Status().Problems[0].Subject)

		h.change(func() { h.containers = nil })
		time.Sleep(time.Second)
		require.Empty(t, agent.Status().Problems)
	})
}

func TestEndingLeavesTheRegistrations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFakeHost(t)
		h.containers = []catalog.Container{container("web", 80)}
		agent, err := New(Config{Options: options, Runtime: h, Registry: h})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, agent.Run(ctx))
		require.Equal(t, []string{"host-1:web:80"}, h.ids())
		require.NoError(t, agent.Status().Err)
	})
}
