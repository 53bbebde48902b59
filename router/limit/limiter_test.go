package limit_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/router/limit"
)

func TestLimiterInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLimiter(2, 3)
		require.NoError(t, l.Acquire(t.Context(), 0))
		require.NoError(t, l.Acquire(t.Context(), 0))
		went := make(chan int, 3)
		for i := range 3 {
			go func() {
				if l.Acquire(t.Context(), time.Minute) == nil {
					went <- i
				}
			}()
			synctest.Wait()
		}
		require.Equal(t, 2, l.InFlight())
		require.Equal(t, 3, l.Waiting())
		require.ErrorIs(t, l.Acquire(t.Context(), time.Minute), limit.ErrFull)
		for i := range 3 {
			l.Release()
			require.Equal(t, i, <-went)
			require.Equal(t, 2, l.InFlight())
			require.Equal(t, 2-i, l.Waiting())
		}
		l.Release()
		l.Release()
		require.Zero(t, l.InFlight())
	})
}

func TestLimiterWaitsInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLimiter(1, 2)
		require.NoError(t, l.Acquire(t.Context(), 0))
		begin := time.Now()
		require.ErrorIs(t, l.Acquire(t.Context(), time.Second), limit.ErrWaited)
		require.Equal(t, time.Second, time.Since(begin))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, l.Acquire(ctx, time.Second), context.DeadlineExceeded)
		require.Zero(t, l.Waiting(), "who has given up still has a place")
		l.Release()
		require.NoError(t, l.Acquire(t.Context(), 0), "who has given up still has a turn")
	})
}

func TestLimiterResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLimiter(1, 5)
		var went atomic.Int32
		for range 6 {
			go func() {
				if l.Acquire(t.Context(), time.Minute) == nil {
					went.Add(1)
				}
			}()
		}
		synctest.Wait()
		require.EqualValues(t, 1, went.Load())
		l.Resize(3, 0)
		synctest.Wait()
		require.EqualValues(t, 3, went.Load())
		l.Resize(1, 0)
		l.Release()
		synctest.Wait()
		require.EqualValues(t, 3, went.Load(), "more went than may now")
		require.ErrorIs(t, l.Acquire(t.Context(), time.Minute), limit.ErrFull)
		l.Resize(0, 0)
		synctest.Wait()
		require.EqualValues(t, 6, went.Load(), "0 is any number")
		require.NoError(t, l.Acquire(t.Context(), 0))
	})
}

// TestLimiterUnderLoad: never more than may, and nobody is forgotten.
func TestLimiterUnderLoad(t *testing.T) {
	const most = 3
	l := limit.NewLimiter(most, 1000)
	var now, done, inVain atomic.Int32
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 500 {
				wait := time.Minute
				if (i+j)%7 == 0 {
					wait = 0
				}
				if l.Acquire(t.Context(), wait) != nil {
					inVain.Add(1)
					continue
				}
				if n := now.Add(1); n > most {
					t.Errorf("%d in flight", n)
				}
				now.Add(-1)
				l.Release()
				done.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 16*500, done.Load()+inVain.Load())
	require.Zero(t, l.InFlight())
	require.Zero(t, l.Waiting())
}

func TestFastPathsAllocateNothing(t *testing.T) {
	l, b := limit.NewLimiter(10, 0), limit.NewBudget(20, 10, 10, nil)
	var g limit.Gate
	var a limit.Aside
	now := time.Now()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_ = l.Acquire(t.Context(), 0)
		l.Release()
		b.Deposit()
		b.Withdraw()
		_ = g.Wait(t.Context(), 0)
		a.Available(now)
		a.Succeeded(now)
	}))
}

func BenchmarkLimiter(b *testing.B) {
	l := limit.NewLimiter(1000, 0)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		_ = l.Acquire(ctx, time.Second)
		l.Release()
	}
}

func BenchmarkLimiterParallel(b *testing.B) {
	l := limit.NewLimiter(1000, 0)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = l.Acquire(context.Background(), time.Second)
			l.Release()
		}
	})
}

// TestLimiterBeyondTheQueue has somebody wait who may not be turned away: in turn,
// and no longer than the others.
func TestLimiterBeyondTheQueue(t *testing.T) {
	l := limit.NewLimiter(1, 0)
	require.NoError(t, l.Acquire(t.Context(), time.Hour))
	require.ErrorIs(t, l.Acquire(t.Context(), time.Hour), limit.ErrFull)
	require.ErrorIs(t, l.AcquireBeyond(t.Context(), time.Millisecond), limit.ErrWaited)
	got := make(chan error, 1)
	go func() { got <- l.AcquireBeyond(t.Context(), time.Hour) }()
	require.Eventually(t, func() bool { return l.Waiting() == 1 }, 20*time.Second, time.Millisecond)
	l.Release()
	require.NoError(t, <-got)
	require.Equal(t, 1, l.InFlight())
	l.Release()
	require.Zero(t, l.InFlight())
}
