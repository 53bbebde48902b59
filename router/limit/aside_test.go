package limit_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/router/limit"
)

// middle is no jitter.
func middle() float64 { return 0.5 }

func TestAsideAtOnce(t *testing.T) {
	var c clock
	a := limit.Aside{Now: c.now, Random: middle}
	require.True(t, a.Available(c.now()))
	require.Equal(t, limit.Condition{}, a.State(c.now()))
	a.Failed(limit.Refused, c.now())
	require.False(t, a.Available(c.now()))
	require.Equal(t, limit.Condition{
		Aside: true, Since: c.now(), Until: c.now().Add(time.Second), Failures: 1, Reason: limit.Refused,
	}, a.State(c.now()))
}

func TestAsideWhenRepeated(t *testing.T) {
	for _, kind := range []limit.Failure{limit.Reset, limit.TimedOut} {
		var c clock
		a := limit.Aside{Now: c.now, Random: middle}
		a.Failed(kind, c.now())
		a.Failed(kind, c.now())
		a.Succeeded(c.now())
		a.Failed(limit.Reset, c.now())
		a.Failed(limit.TimedOut, c.now())
		require.True(t, a.Available(c.now()), "not three in a row")
		require.False(t, a.State(c.now()).Aside)
		a.Failed(kind, c.now())
		require.False(t, a.Available(c.now()))
	}
}

func TestAsideForLongerEachTime(t *testing.T) {
	var c clock
	a := limit.Aside{Now: c.now, Random: middle}
	a.Failed(limit.Refused, c.now())
	for _, seconds := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		c.pass(seconds*time.Second - 1)
		require.False(t, a.Available(c.now()), "%d s", seconds)
		c.pass(1)
		require.True(t, a.Available(c.now()), "%d s", seconds)
		a.Failed(limit.TimedOut, c.now()) // one failure of the probe is enough
	}
	c.pass(time.Minute)
	require.True(t, a.Available(c.now()))
	a.Succeeded(c.now())
	require.Equal(t, limit.Condition{}, a.State(c.now()))
	a.Failed(limit.Refused, c.now())
	c.pass(time.Second)
	require.True(t, a.Available(c.now()), "it begins with a second again")
}

func TestAsideJitter(t *testing.T) {
	for random, want := range map[float64]time.Duration{0: 900 * time.Millisecond, 0.75: 1050 * time.Millisecond} {
		var c clock
		a := limit.Aside{Now: c.now, Random: func() float64 { return random }}
		a.Failed(limit.Refused, c.now())
		require.WithinDuration(t, c.now().Add(want), a.State(c.now()).Until, time.Microsecond)
	}
}

func TestAsideOneProbe(t *testing.T) {
	var c clock
	a := limit.Aside{Now: c.now, Random: middle}
	a.Failed(limit.Refused, c.now())
	c.pass(time.Second)
	var probes atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if a.Available(c.now()) {
					probes.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, probes.Load())
	require.True(t, a.State(c.now()).Probing)
	c.pass(10 * time.Second)
	require.False(t, a.State(c.now()).Probing)
	require.True(t, a.Available(c.now()), "a probe that never reports is replaced")
	require.False(t, a.Available(c.now()))
}

// TestAsideOldRequests: what began before the instance was set aside says
// nothing of how it is now.
func TestAsideOldRequests(t *testing.T) {
	var c clock
	a := limit.Aside{Now: c.now, Random: middle}
	before := c.now()
	c.pass(time.Millisecond)
	for range 50 {
		a.Failed(limit.Refused, c.now())
	}
	want := c.now().Add(time.Second)
	require.Equal(t, want, a.State(c.now()).Until, "fifty failures at once are one")
	a.Succeeded(before)
	a.Failed(limit.Reset, before)
	require.False(t, a.Available(c.now()))
	require.Equal(t, want, a.State(c.now()).Until)
	c.pass(time.Second)
	a.Failed(limit.Reset, before)
	require.True(t, a.Available(c.now()))
	a.Succeeded(c.now())
	require.True(t, a.Available(c.now()))
}

func BenchmarkAside(b *testing.B) {
	var a limit.Aside
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if a.Available(now) {
			a.Succeeded(now)
		}
	}
}
