package deployer_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// onceChecking does something when the instances are first waited for.
func (w *world) onceChecking(then func()) {
	var once sync.Once
	w.on = func(string, string) error {
		if w.checking() {
			once.Do(then)
		}
		return nil
	}
}

// A linked container that says of itself that it is not well keeps the release from
// going live, and is shown with what it said.
func TestALinkedContainerThatIsNotHealthy(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.onceChecking(func() { w.health("db", "unhealthy") })
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))
	f := failure(t, err)
	require.Equal(t, catalog.Checking, f.Stage)
	require.Contains(t, f.Reason, "4 of 4 instances of release r3 pass their checks; web-production-blue-db-1 on a is unhealthy; web-production-blue-db-1 on b is unhealthy")
	require.Contains(t, f.Details(), "web-production-blue-db-1 on a is running and unhealthy (its HEALTHCHECK said: nothing), and last wrote:")
	assertLiveUntouched(t, w)
}

func TestALinkedContainerThatBecomesHealthyIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.onceChecking(func() {
		w.health("db", "starting")
		time.AfterFunc(40*time.Millisecond, func() { w.health("db", "healthy") })
	})
	began := time.Now()
	_, err := w.deployer().Deploy(t.Context(), request("good", "r3"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), 40*time.Millisecond)
}
