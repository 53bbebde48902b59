package limit_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/router/limit"
)

// crowd are requests that wait at a gate one after the other.
type crowd struct {
	mu   sync.Mutex
	went []time.Duration // when each went
	who  []int
	came int
}

func (c *crowd) wait(t *testing.T, g *limit.Gate, n int, begin time.Time) {
	for range n {
		i := c.came
		c.came++
		go func() {
			if g.Wait(t.Context(), time.Hour) == nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.went = append(c.went, time.Since(begin))
				c.who = append(c.who, i)
			}
		}()
		synctest.Wait()
	}
}

func (c *crowd) gone() int {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.who)
}

func TestGateHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g limit.Gate
		require.NoError(t, g.Wait(t.Context(), 0), "the zero value is open")
		g.Open()
		g.Shut(1)
		require.ErrorIs(t, g.Wait(t.Context(), time.Second), limit.ErrWaited)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, g.Wait(ctx, time.Second), context.DeadlineExceeded)
		var c crowd
		c.wait(t, &g, 1, time.Now())
		require.ErrorIs(t, g.Wait(t.Context(), time.Second), limit.ErrFull)
		require.Equal(t, 1, g.Waiting())
		g.Shut(2)
		require.ErrorIs(t, g.Wait(t.Context(), time.Second), limit.ErrWaited, "the new bound")
		g.Open()
		require.Equal(t, 1, c.gone())
		require.NoError(t, g.Wait(t.Context(), 0))
	})
}

func TestGateOpensInGrowingBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g limit.Gate
		var c crowd
		g.Shut(100)
		begin := time.Now()
		c.wait(t, &g, 100, begin)
		g.Open()
		require.Equal(t, 16, c.gone())
		c.wait(t, &g, 1, begin) // behind the others
		require.Equal(t, 16, c.gone())
		time.Sleep(time.Millisecond)
		require.Equal(t, 48, c.gone())
		time.Sleep(time.Second)
		require.Equal(t, 101, c.gone())
		require.Equal(t, 2*time.Millisecond, slices.Max(c.went))
		require.ElementsMatch(t, c.who[:16], seq(0, 16))
		require.ElementsMatch(t, c.who[16:48], seq(16, 48))
		require.Contains(t, c.who[48:], 100)
		require.NoError(t, g.Wait(t.Context(), 0))
	})
}

func TestGateShutsWhileItOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g limit.Gate
		var c crowd
		g.Shut(100)
		c.wait(t, &g, 60, time.Now())
		g.Open()
		g.Shut(100)
		time.Sleep(time.Minute)
		require.Equal(t, 16, c.gone())
		require.Equal(t, 44, g.Waiting())
		g.Open()
		time.Sleep(time.Minute)
		require.Equal(t, 60, c.gone())
	})
}

func seq(from, to int) (all []int) {
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}
