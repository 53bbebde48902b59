package limit_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/router/limit"
)

// clock is a time that tests move.
type clock struct{ atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(1_000_000, c.Load()) }
func (c *clock) pass(d time.Duration) { c.Add(int64(d)) }

func retries(b *limit.Budget) (n int) {
	for b.Withdraw() {
		n++
	}
	return n
}

func TestBudget(t *testing.T) {
	var c clock
	b := limit.NewBudget(20, 2, 10, c.now)
	require.Equal(t, 10, retries(b), "what it begins with")
	for range 14 {
		b.Deposit()
	}
	require.Equal(t, 2, retries(b), "20 % of 14")
	b.Deposit()
	require.Equal(t, 1, retries(b), "the rest of before and one more")
	for range 1000 {
		b.Deposit()
	}
	require.Equal(t, 10, retries(b), "not more than may be saved up")
}

func TestBudgetFloor(t *testing.T) {
	var c clock
	b := limit.NewBudget(0, 2, 10, c.now)
	c.pass(time.Hour)
	require.Equal(t, 10, retries(b), "time while it was full is worth nothing")
	c.pass(499 * time.Millisecond)
	require.Zero(t, retries(b))
	c.pass(time.Millisecond)
	require.Equal(t, 1, retries(b))
	c.pass(3 * time.Second)
	require.Equal(t, 6, retries(b))
	c.pass(100 * 365 * 24 * time.Hour)
	require.Equal(t, 10, retries(b))
	c.pass(-time.Hour)
	require.Zero(t, retries(b), "a clock that was set back")
}

func TestBudgetUnderLoad(t *testing.T) {
	var c clock
	b := limit.NewBudget(50, 0, 4000, c.now)
	retries(b)
	var wg sync.WaitGroup
	var got atomic.Int32
	for range 8 {
		wg.Go(func() {
			for range 500 {
				b.Deposit()
				if b.Withdraw() {
					got.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, 8*500/2, int(got.Load())+retries(b))
}

func BenchmarkBudget(b *testing.B) {
	all := limit.NewBudget(100, 10, 100, nil)
	b.ReportAllocs()
	for b.Loop() {
		all.Deposit()
		all.Withdraw()
	}
}
