package consul

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBacklog(), time.Now()
		after := func(d time.Duration) time.Time { return began.Add(d) }
		taken := func(service string, at time.Duration, stale bool) {
			t.Helper()
			j, ok := b.take(t.Context())
			require.True(t, ok)
			require.Equal(t, service, j.service)
			require.Equal(t, stale, j.stale)
			require.Equal(t, at, time.Since(began))
		}
		b.add("c", after(3*time.Second), false)
		b.add("a", after(2*time.Second), true)
		b.add("b", after(time.Second), true)
		b.add("c", after(time.Second/2), true)  // earlier, and not stale all the same
		b.add("a", after(5*time.Second), false) // not later
		taken("c", time.Second/2, false)
		taken("b", time.Second, true)
		taken("a", 2*time.Second, false)

		b.add("b", after(2*time.Second), true) // while it is being read
		b.add("b", after(4*time.Second), false)
		b.add("c", after(3*time.Second), true)
		b.done("a")
		b.done("c")
		taken("c", 3*time.Second, true)
		b.done("b")
		taken("b", 3*time.Second, false)

		go func() {
			time.Sleep(time.Second)
			b.add("a", time.Now(), false)
		}()
		taken("a", 4*time.Second, false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, ok := b.take(ctx)
		require.False(t, ok)
	})
}
