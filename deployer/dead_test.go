package deployer_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// dieAt makes every operation from the k-th on fail, the cleaning up included,
// as if the deployer's process had been killed there. It answers whether that
// came to pass.
func (w *world) dieAt(k int64) func() bool {
	var ops atomic.Int64
	w.on = func(op, _ string) error {
		if op == "decision" { // asked all the time beside the rest
			return nil
		}
		if ops.Add(1) > k {
			return errors.New("killed")
		}
		return nil
	}
	return func() bool { return ops.Load() > k }
}

// bury ends the dead deployer's session.
func (w *world) bury() {
	w.on = nil
	w.breakLock()
}

// assertLiveRuns: the colour that the alias points at runs whole, everywhere.
func assertLiveRuns(t *testing.T, w *world) {
	t.Helper()
	target, ok := w.aliases["production"].Value.Single()
	require.True(t, ok)
	release := w.releases[target].ID
	for _, h := range []string{"a", "b"} {
		require.Subset(t, w.names(h), running(string(target.Colour), release), "on %s", h)
	}
}

// TestDeployerDiesAnywhere kills a deployment before each of its operations in
// turn, and looks at what it leaves and what the next run makes of it.
func TestDeployerDiesAnywhere(t *testing.T) {
	for _, next := range []string{"good", "sick"} {
		t.Run("next "+next, func(t *testing.T) {
			for k := int64(0); ; k++ {
				w := twoReleases(t)
				w.config = declared()
				died := w.dieAt(k)
				_, err := w.deployer().Deploy(t.Context(), saying(gated(request("good", "r3"))))
				if !died() {
					require.NoError(t, err)
					require.Greater(t, k, int64(40), "a deployment has more operations than that")
					require.Contains(t, w.wrote, catalog.Testing)
					return
				}
				assertLiveRuns(t, w)
				w.bury()
				nextRun(t, w, next, fmt.Sprintf("killed at operation %d", k))
			}
		})
	}
}

func nextRun(t *testing.T, w *world, image, when string) {
	t.Helper()
	flipped := w.alias("production") == "blue-production"
	req := request(image, "r4")
	if image == "sick" {
		req.Spec.Timeout = 10 * time.Millisecond // it never passes
	}
	_, err := w.deployer().Deploy(t.Context(), req)
	for _, d := range w.deployments {
		require.True(t, d.State.Ended(), "%s: %s of %s", when, d.State, d.Release)
	}
	blue, green := "r1", "r2"
	if flipped {
		blue = "r3"
	}
	if image == "good" {
		require.NoError(t, err, when)
		if flipped {
			green = "r4"
		} else {
			blue = "r4"
		}
	} else {
		require.NoError(t, failure(t, err).Leftover, when)
	}
	for _, h := range []string{"a", "b"} {
		require.Equal(t, both(running("blue", blue), running("green", green)), w.names(h), "%s, on %s", when, h)
	}
	switch {
	case image == "good":
		require.Equal(t, req.Spec.Description, w.config.Description, when)
	case flipped:
		require.Equal(t, "the new one", w.config.Description, when)
		require.Len(t, w.config.Routes, 2, when)
	default:
		require.Equal(t, string(declared().Encode()), string(w.config.Encode()), when)
	}
	require.Equal(t, declared().Routes[0], w.config.Routes[0], "the other environment's stay, %s", when)
	require.Equal(t, blue, w.release(t, "blue-production").ID, when)
	require.Equal(t, green, w.release(t, "green-production").ID, when)
	require.NotContains(t, []catalog.ReleaseState{catalog.Staging, catalog.Dirty}, w.release(t, "blue-production").State, when)
	require.NotContains(t, []catalog.ReleaseState{catalog.Staging, catalog.Dirty}, w.release(t, "green-production").State, when)
}

func TestDeadFirstDeploymentIsReverted(t *testing.T) {
	w := newWorld()
	w.on = func(op, arg string) error {
		if op == "deployment" && arg == string(catalog.Flipping) || w.on == nil {
			w.on = func(string, string) error { return errors.New("killed") }
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), request("good", "r1"))
	require.Error(t, err)
	require.NotEmpty(t, w.names("a"))
	w.bury()

	w.deploy(t, "r2")
	require.Equal(t, running("blue", "r2"), w.names("a"))
}

func TestRevertThatCannotReachAHostMarksTheReleaseDirty(t *testing.T) {
	w := twoReleases(t)
	w.on = func(op, arg string) error {
		if (op == "remove" || op == "rename") && strings.HasPrefix(arg, "b-") {
			return errors.New("connection refused")
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), request("sick", "r3"))

	f := failure(t, err)
	require.ErrorContains(t, f.Leftover, "host b: remove web-production-blue-db-1: connection refused")
	require.Equal(t, catalog.Dirty, w.release(t, "blue-production").State)
	require.Equal(t, both(running("blue", "r1"), running("green", "r2")), w.names("a"), "the other host is put back")
	_, err = w.deployer().Rollback(t.Context(), "web", "production", false)
	require.ErrorContains(t, err, "half done")

	w.on = nil
	req := request("sick", "r4")
	_, err = w.deployer().Deploy(t.Context(), req)
	require.NoError(t, failure(t, err).Leftover)
	require.Equal(t, both(running("blue", "r1"), running("green", "r2")), w.names("b"), "what the recorded release left is brought back, not the debris")

	w.deploy(t, "r5")
	for _, h := range []string{"a", "b"} {
		require.Equal(t, both(running("blue", "r5"), running("green", "r2")), w.names(h), h)
	}
}
