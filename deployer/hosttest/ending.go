package hosttest

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/hosttest/program"
)

func waits(t *testing.T, w *world) {
	code, err := w.host.Wait(t.Context(), w.start(exitingWith(w.spec("job"), 3)))
	require.NoError(t, err)
	require.Equal(t, 3, code)

	id := w.start(w.spec("web"))
	w.logged(id, program.Started)
	brief, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = w.host.Wait(brief, id)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, w.host.Stop(t.Context(), id, 5*time.Second))
	code, err = w.host.Wait(t.Context(), id)
	require.NoError(t, err)
	require.Zero(t, code)

	_, err = w.host.Wait(t.Context(), w.create(w.spec("new")))
	require.NoError(t, err, "what does not run is not waited for")
	_, err = w.host.Wait(t.Context(), w.mark+"-none")
	require.Error(t, err)
}

func waitsThroughRestarts(t *testing.T, w *world) {
	spec := exitingWith(w.spec("job"), 3)
	spec.Restart = "on-failure:2"
	id := w.start(spec)
	code, err := w.host.Wait(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, 3, code)
	logs, err := w.host.Logs(t.Context(), id, 100)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(logs, program.Started), logs)
}

// follower is what a following has copied so far.
type follower struct {
	mu   sync.Mutex
	text bytes.Buffer
	done chan error
}

func (f *follower) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.Write(b)
}

func (f *follower) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.String()
}

// follow follows a container and waits until it is said to have started.
func (w *world) follow(ctx context.Context, id string, lines int) *follower {
	w.t.Helper()
	f := &follower{done: make(chan error, 1)}
	go func() { f.done <- w.host.Follow(ctx, id, lines, f) }()
	require.Eventually(w.t, func() bool { return contains(f.String(), program.Started) }, patient, often, "nothing is followed")
	return f
}

func (f *follower) ends(t *testing.T) error {
	t.Helper()
	select {
	case err := <-f.done:
		return err
	case <-time.After(patient):
		require.Fail(t, "it is followed for ever")
		return nil
	}
}

func follows(t *testing.T, w *world) {
	id := w.start(w.spec("web"))
	f := w.follow(t.Context(), id, -1)
	require.NoError(t, w.host.Stop(t.Context(), id, 5*time.Second))
	require.NoError(t, f.ends(t))
	require.ElementsMatch(t, []string{program.Warned, program.Started, program.Stopped, ""}, strings.Split(f.String(), "\n"))

	var last bytes.Buffer
	require.NoError(t, w.host.Follow(t.Context(), id, 1, &last), "one that does not run")
	require.Equal(t, program.Stopped+"\n", last.String())
	require.Error(t, w.host.Follow(t.Context(), w.mark+"-none", 1, &last))
}

func followsUntilTold(t *testing.T, w *world) {
	id := w.start(w.spec("web"))
	w.logged(id, program.Started)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := w.follow(ctx, id, 2)
	cancel()
	require.ErrorIs(t, f.ends(t), context.Canceled)
	require.True(t, w.get(id).Running)
	require.NoError(t, w.host.Stop(t.Context(), id, 5*time.Second))
	w.eventually(id, "stopped", func(c catalog.Container) bool { return !c.Running })
	require.NotContains(t, f.String(), program.Stopped)
}
