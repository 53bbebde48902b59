package saved_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
	"teal/router/saved"
)

// every is how often the files of the tests are written.
const every = time.Second

// world is a file in a folder of its own, and what it has logged.
type world struct {
	*saved.File
	log *notes
}

// notes is a log that can be read while it is written.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

func newWorld(path string) world {
	log := &notes{}
	return world{log: log, File: &saved.File{
		Path: path, Every: every, MaxAge: time.Hour, Now: time.Now, Logger: hclog.New(&hclog.LoggerOptions{Output: log}),
	}}
}

// run runs the file's writer in a bubble in which time passes only when
// everybody waits.
func run(t *testing.T, test func(t *testing.T, w world, stop func())) {
	path := filepath.Join(t.TempDir(), "snapshot.json")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(path)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		stop := func() { cancel(); require.NoError(t, <-done); done <- nil }
		defer stop()
		test(t, w, stop)
	})
}

func snapshot(names ...string) catalog.Snapshot {
	m := map[string]*catalog.Service{}
	for _, name := range names {
		m[name] = &catalog.Service{Name: name}
	}
	return catalog.Snapshot{Services: cow.Of(m), AliasIndex: 5}
}

func tick() {
	time.Sleep(every + time.Millisecond)
	synctest.Wait()
}

// loaded is the names of the services that are saved, and when they were.
func loaded(t *testing.T, w world) ([]string, time.Time) {
	t.Helper()
	s, err := w.Load()
	require.NoError(t, err)
	require.Zero(t, s.AliasIndex)
	return s.Services.Keys(), s.Restored
}

func TestRunSavesTheLatest(t *testing.T) {
	run(t, func(t *testing.T, w world, _ func()) {
		_, err := w.Load()
		require.ErrorIs(t, err, saved.ErrNone)
		w.Keep(snapshot("a"))
		w.Keep(snapshot("a", "b"))
		tick()
		names, _ := loaded(t, w)
		require.Equal(t, []string{"a", "b"}, names)
		info, err := os.Stat(w.Path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
		require.Empty(t, w.log.String())
	})
}

func TestRunSavesAtItsEnd(t *testing.T) {
	run(t, func(t *testing.T, w world, stop func()) {
		w.Keep(snapshot("a"))
		stop()
		names, _ := loaded(t, w)
		require.Equal(t, []string{"a"}, names)
	})
}

func TestRunSavesWhatHasChanged(t *testing.T) {
	run(t, func(t *testing.T, w world, _ func()) {
		s := snapshot("a")
		w.Keep(s)
		tick()
		_, first := loaded(t, w)
		w.Keep(s)
		tick()
		_, again := loaded(t, w)
		require.Equal(t, first, again, "nothing has changed")
		time.Sleep(time.Hour / 4)
		synctest.Wait()
		_, again = loaded(t, w)
		require.Greater(t, again, first, "it would be too old some day")
		s.Problems = []catalog.Problem{{Subject: "x"}}
		w.Keep(s)
		tick()
		_, later := loaded(t, w)
		require.Greater(t, later, again)
		w.Keep(snapshot("b"))
		tick()
		names, _ := loaded(t, w)
		require.Equal(t, []string{"b"}, names)
	})
}

func TestRunDoesNotMakeOldViewsNew(t *testing.T) {
	run(t, func(t *testing.T, w world, _ func()) {
		restored := snapshot("a")
		restored.Restored = time.Now().Add(-time.Minute)
		w.Keep(restored)
		tick()
		_, err := w.Load()
		require.ErrorIs(t, err, saved.ErrNone)
		stale := snapshot("a")
		stale.StaleSince = time.Now().UTC()
		w.Keep(stale)
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		_, at := loaded(t, w)
		require.Equal(t, stale.StaleSince, at)
		time.Sleep(31 * time.Minute)
		_, err = w.Load()
		require.ErrorIs(t, err, saved.ErrTooOld)
		require.ErrorContains(t, err, "1h1m")
	})
}

func TestRunWithAPathThatCantBeWritten(t *testing.T) {
	run(t, func(t *testing.T, w world, _ func()) {
		folder := filepath.Dir(w.Path)
		require.NoError(t, os.Remove(folder))
		w.Keep(snapshot("a"))
		tick()
		tick()
		require.Equal(t, 1, strings.Count(w.log.String(), "make the path writable"), w.log.String())
		require.NoError(t, os.Mkdir(folder, 0o700))
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 1, strings.Count(w.log.String(), "is saved again"), w.log.String())
		names, _ := loaded(t, w)
		require.Equal(t, []string{"a"}, names)
		files, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Len(t, files, 1, "something was left beside the file")
	})
}

func TestRunLeavesNothingBeside(t *testing.T) {
	run(t, func(t *testing.T, w world, _ func()) {
		require.NoError(t, os.Mkdir(w.Path, 0o700)) // no file can take its place
		w.Keep(snapshot("a"))
		tick()
		require.Contains(t, w.log.String(), "make the path writable")
		files, err := os.ReadDir(filepath.Dir(w.Path))
		require.NoError(t, err)
		require.Len(t, files, 1)
	})
}

func TestLoadBroken(t *testing.T) {
	w := newWorld(filepath.Join(t.TempDir(), "snapshot.json"))
	text := `{"version":1,"saved":"2026-`
	require.NoError(t, os.WriteFile(w.Path, []byte(text), 0o600))
	_, err := w.Load()
	require.ErrorIs(t, err, saved.ErrBroken)
	require.ErrorContains(t, err, w.Path+".bad")
	kept, err := os.ReadFile(w.Path + ".bad")
	require.NoError(t, err)
	require.Equal(t, text, string(kept))
	_, err = w.Load()
	require.ErrorIs(t, err, saved.ErrNone)
}

func TestLoadOfAnotherVersion(t *testing.T) {
	w := newWorld(filepath.Join(t.TempDir(), "snapshot.json"))
	require.NoError(t, os.WriteFile(w.Path, []byte(`{"version":7}`), 0o600))
	_, err := w.Load()
	require.ErrorIs(t, err, catalog.ErrSavedVersion)
	require.FileExists(t, w.Path)
}

func TestLoadUnreadable(t *testing.T) {
	w := newWorld(t.TempDir())
	_, err := w.Load()
	require.Error(t, err)
	require.NotErrorIs(t, err, saved.ErrBroken)
	require.NotErrorIs(t, err, saved.ErrNone)
}

// BenchmarkWrite is a write, sync and rename of 10,000 services with 10
// instances each.
func BenchmarkWrite(b *testing.B) {
	m := map[string]*catalog.Service{}
	for n := range 10_000 {
		name := fmt.Sprintf("service-%d", n)
		s := &catalog.Service{Name: name}
		for i := range 10 {
			s.Instances = append(s.Instances, catalog.Instance{
				ID: fmt.Sprintf("%s-%d", name, i), Service: name, Node: fmt.Sprintf("node-%d", i), Address: "10.20.30.40", Port: 20_000 + i,
				Target: catalog.Target{Colour: catalog.Blue, Environment: "production"}, Release: "1.2.3", Owner: "a1b2c3d4", Health: catalog.Passing,
			})
		}
		m[name] = s
	}
	s := catalog.Snapshot{Services: cow.Of(m)}
	w := newWorld(filepath.Join(b.TempDir(), "snapshot.json"))
	ended, cancel := context.WithCancel(b.Context())
	cancel()
	for b.Loop() {
		w.Keep(s)
		_ = w.Run(ended) // which writes once
	}
	info, err := os.Stat(w.Path)
	require.NoError(b, err)
	b.ReportMetric(float64(info.Size()), "file-bytes")
}

func TestTheFirstViewAndALateChangeAreSavedAtOnce(t *testing.T) {
	run(t, func(t *testing.T, w world, _ func()) {
		w.Keep(snapshot("a"))
		synctest.Wait()
		names, _ := loaded(t, w)
		require.Equal(t, []string{"a"}, names)
		w.Keep(snapshot("a", "b"))
		synctest.Wait()
		names, _ = loaded(t, w)
		require.Equal(t, []string{"a"}, names, "not so soon after the one before")
		time.Sleep(2 * every)
		synctest.Wait()
		w.Keep(snapshot("a", "b", "c"))
		synctest.Wait()
		names, _ = loaded(t, w)
		require.Equal(t, []string{"a", "b", "c"}, names)
	})
}
