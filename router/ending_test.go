package router

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// paused is a snapshot whose alias is paused for an hour.
func paused() catalog.Snapshot {
	return changed(snapshotOf(bluePro), func(s *catalog.Service) {
		s.Halts = map[string]catalog.Halt{"production": {Kind: catalog.HaltPause, MaxWaitMS: 3_600_000}}
	})
}

func TestARouterThatEndsLetsGoWhomItHolds(t *testing.T) {
	p := newPublisher(t)
	p.publish(paused())
	answers := make(chan *Answer)
	go func() {
		var c Claim
		answers <- p.dispatch.begin(t.Context(), &c, askWeb)
	}()
	require.Eventually(t, func() bool { _, n := p.ledger.throughAlias("web", "production"); return n == 1 }, 20*time.Second, time.Millisecond)

	r := &Router{dispatch: p.dispatch}
	stopped, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.endHolding(stopped, t.Context(), time.Millisecond)
	}()
	select {
	case <-answers:
		require.Fail(t, "it was let go while requests were still taken")
	case <-time.After(20 * time.Millisecond):
	}
	stop()
	answer := <-answers
	<-ended
	require.Equal(t, CodePaused, answer.Code)
	require.Contains(t, answer.Message, "about to end")
	_, waiting := p.ledger.throughAlias("web", "production")
	require.Zero(t, waiting)

	var c Claim
	require.Equal(t, CodePaused, p.dispatch.begin(t.Context(), &c, askWeb).Code, "nobody is held any more")
	p.publish(snapshotOf(bluePro))
	require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb), "but who is not paused goes on")
	c.Release(Class2xx)
}

func TestNobodyIsHeldWhenAllIsOver(t *testing.T) {
	d := &dispatch{ending: newEnding()}
	over, end := context.WithCancel(t.Context())
	end()
	(&Router{dispatch: d}).endHolding(over, over, time.Hour)
	require.Error(t, d.ending.ctx.Err())
}

func TestNamesAreCountedUntilNothingIsUnderWay(t *testing.T) {
	p := newPublisher(t)
	p.publish(snapshotOf(bluePro))
	var c Claim
	require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
	n, _ := p.ledger.throughAlias("web", "production")
	require.Equal(t, int64(1), n)

	p.publish(changed(snapshotOf(bluePro), func(s *catalog.Service) {
		s.Aliases = map[string]catalog.Alias{"beta": {Name: "beta", Value: catalog.PointTo(bluePro)}}
		s.Config.Default = "beta"
	}))
	n, _ = p.ledger.throughAlias("web", "production")
	require.Equal(t, int64(1), n, "the alias has gone, its request has not")
	require.True(t, p.ledger.leaving["web"])
	c.Release(Class2xx)
	p.publish(p.table.snapshot)
	require.NotContains(t, p.ledger.services["web"].through, "production")
	require.Contains(t, p.ledger.services["web"].through, "beta")
}

// TestAPauseThatIsDrainedStaysSo pauses and resumes for a while under many
// requests. After each pause it waits until nothing is in flight through the
// alias; from then on, until it is resumed, nobody may get a claim.
func TestAPauseThatIsDrainedStaysSo(t *testing.T) {
	p := newPublisher(t)
	p.publish(snapshotOf(bluePro))
	var drained, stop atomic.Bool
	var wrong, claims atomic.Int64
	var workers sync.WaitGroup
	for n := range 16 {
		ask := askWeb
		if n%2 == 0 { // takes long to look up, so that pauses begin meanwhile
			ask = Ask{Host: "any", Path: "/web@production/" + strings.Repeat("%41", 20_000)}
		}
		workers.Go(func() {
			for !stop.Load() {
				var c Claim
				if p.dispatch.begin(t.Context(), &c, ask) != nil {
					wrong.Add(1)
					return
				}
				if claims.Add(1); drained.Load() {
					wrong.Add(1)
				}
				c.Release(Class2xx)
			}
		})
	}
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		p.publish(paused())
		for n := int64(1); n > 0; {
			n, _ = p.ledger.throughAlias("web", "production")
		}
		drained.Store(true)
		time.Sleep(time.Millisecond)
		drained.Store(false)
		p.publish(snapshotOf(greenPro))
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	workers.Wait()
	require.Zero(t, wrong.Load(), "of %d claims", claims.Load())
	require.Greater(t, claims.Load(), int64(16))
}
