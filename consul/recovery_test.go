package consul

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARecoveryWakesThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recovery
		began := time.Now()
		r.tell() // nobody waits
		woken := make(chan time.Duration, 2)
		for range 2 {
			go func() {
				r.wait(t.Context(), time.Minute)
				woken <- time.Since(began)
			}()
		}
		time.Sleep(time.Second)
		r.tell()
		require.Equal(t, time.Second, <-woken)
		require.Equal(t, time.Second, <-woken)

		r.wait(t.Context(), time.Second)
		require.Equal(t, 2*time.Second, time.Since(began), "what was told before is no news")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		r.wait(ended, time.Minute)
		require.Equal(t, 2*time.Second, time.Since(began))
	})
}
