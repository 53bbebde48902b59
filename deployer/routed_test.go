package deployer_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

// lookedBeforeFlip notes which routers were asked before each flip.
func (w *world) lookedBeforeFlip() *[]string {
	var asked []string
	w.on = func(op, arg string) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case op == "target":
			asked = append(asked, arg)
		case op == "flip":
			slices.Sort(asked)
			asked = append(slices.Compact(asked), "flip")
		}
		return nil
	}
	return &asked
}

func TestEveryRouterIsAskedBeforeAFlip(t *testing.T) {
	w := twoReleases(t)
	w.routers = []catalog.RouterRecord{{ID: "r1"}, {ID: "r2"}}
	asked := w.lookedBeforeFlip()
	w.deploy(t, "r3")
	require.Equal(t, []string{"r1", "r2", "flip"}, (*asked)[:3])

	asked = w.lookedBeforeFlip()
	done, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Empty(t, done.Notes)
	require.Equal(t, []string{"r1", "r2", "flip"}, *asked)
}

func TestAFlipWaitsForARouterThatHasNotSeenTheInstances(t *testing.T) {
	w := twoReleases(t)
	w.blind["r1"] = true
	looks, flippedBlind := 0, false
	w.on = func(op, _ string) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch op {
		case "target":
			if looks++; looks == 5 {
				w.blind["r1"] = false
			}
		case "flip":
			flippedBlind = w.blind["r1"]
		}
		return nil
	}
	patient := deployer.New(deployer.Options{
		Store: w, Connect: w.connect, Fleet: w, By: "test@here", Poll: time.Millisecond, Acknowledge: time.Minute, Routed: time.Minute,
	})
	done, err := patient.Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Empty(t, done.Notes)
	require.GreaterOrEqual(t, looks, 5)
	require.False(t, flippedBlind)
}

func TestAFlipDoesNotWaitForEver(t *testing.T) {
	w := twoReleases(t)
	w.blind["r1"] = true
	began := time.Now()
	done, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Len(t, done.Notes, 1)
	require.Contains(t, done.Notes[0], "routers r1 do not yet send requests to all instances that are flipped to")
	require.GreaterOrEqual(t, time.Since(began), 2*time.Second)

	w.deploy(t, "r3") // notes it too, and goes on
}

func TestARouterThatDoesNotAnswerIsNotWaitedFor(t *testing.T) {
	w := twoReleases(t)
	asked := 0
	w.on = func(op, _ string) error {
		if op == "target" {
			asked++
			return errors.New("connection refused")
		}
		return nil
	}
	done, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Len(t, done.Notes, 1)
	require.Contains(t, done.Notes[0], "router r1 does not tell whether it knows the instances that are flipped to: connection refused")
	require.Equal(t, 1, asked)
}
