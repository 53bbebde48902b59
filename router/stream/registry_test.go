package stream_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/router/stream"
)

// stayer notes when it was asked to leave.
type stayer struct {
	begin time.Time
	mu    sync.Mutex
	left  []time.Duration
}

func (s *stayer) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = append(s.left, time.Since(s.begin))
}

func (s *stayer) times() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left
}

// bubble runs a test in which time passes only when everybody waits.
func bubble(t *testing.T, test func(t *testing.T, r *stream.Registry, streams []*stayer, remove []func())) {
	synctest.Test(t, func(t *testing.T) {
		r := stream.NewRegistry(stream.Clock{})
		var streams []*stayer
		var remove []func()
		for range 4 {
			s := &stayer{begin: time.Now()}
			streams, remove = append(streams, s), append(remove, r.Add(s))
		}
		test(t, r, streams, remove)
	})
}

func left(t *testing.T, streams []*stayer, want ...time.Duration) {
	t.Helper()
	synctest.Wait()
	var got []time.Duration
	for _, s := range streams {
		require.LessOrEqual(t, len(s.times()), 1, "a stream was asked twice")
		got = append(got, s.times()...)
	}
	require.Equal(t, want, got)
}

func TestRetireSpreads(t *testing.T) {
	bubble(t, func(t *testing.T, r *stream.Registry, streams []*stayer, _ []func()) {
		r.Retire(time.Minute, 8*time.Second)
		time.Sleep(time.Minute - 1)
		left(t, streams)
		time.Sleep(time.Hour)
		left(t, streams, 60*time.Second, 62*time.Second, 64*time.Second, 66*time.Second)
		require.Zero(t, r.Len())
	})
}

func TestRetireWithoutWindow(t *testing.T) {
	bubble(t, func(t *testing.T, r *stream.Registry, streams []*stayer, _ []func()) {
		r.Retire(0, 0)
		left(t, streams, 0, 0, 0, 0)
	})
}

func TestKeep(t *testing.T) {
	bubble(t, func(t *testing.T, r *stream.Registry, streams []*stayer, _ []func()) {
		r.Retire(time.Second, 4*time.Second)
		time.Sleep(2500 * time.Millisecond)
		r.Keep()
		time.Sleep(time.Hour)
		left(t, streams, time.Second, 2*time.Second)
		require.Equal(t, 2, r.Len())
		r.Retire(0, 0)
		left(t, streams, time.Second, 2*time.Second, time.Hour+2500*time.Millisecond, time.Hour+2500*time.Millisecond)
	})
}

func TestRemove(t *testing.T) {
	bubble(t, func(t *testing.T, r *stream.Registry, streams []*stayer, remove []func()) {
		remove[0]()
		r.Retire(time.Second, 3*time.Second)
		remove[2]()
		remove[2]()
		time.Sleep(time.Hour)
		remove[3]()
		left(t, streams, time.Second, 3*time.Second)
	})
}

func TestRetireAgainNeverLater(t *testing.T) {
	bubble(t, func(t *testing.T, r *stream.Registry, streams []*stayer, _ []func()) {
		r.Retire(10*time.Second, 4*time.Second) // 10, 11, 12, 13
		r.Retire(time.Minute, 0)
		r.Retire(5*time.Second, 40*time.Second) // 5, 15, 25, 35
		time.Sleep(time.Hour)
		left(t, streams, 5*time.Second, 11*time.Second, 12*time.Second, 13*time.Second)
	})
}

func TestAddWhileRetired(t *testing.T) {
	bubble(t, func(t *testing.T, r *stream.Registry, streams []*stayer, _ []func()) {
		r.Retire(2*time.Second, 4*time.Second) // 2, 3, 4, 5
		r.Retire(time.Hour, 0)
		time.Sleep(time.Second)
		early := &stayer{begin: streams[0].begin}
		r.Add(early) // not before the others
		time.Sleep(time.Minute - time.Second)
		late := &stayer{begin: streams[0].begin}
		r.Add(late)
		time.Sleep(time.Hour)
		left(t, append(streams, early, late), 2*time.Second, 3*time.Second, 4*time.Second, 5*time.Second, 5*time.Second, 62*time.Second)
	})
}

func TestSpread(t *testing.T) {
	require.Equal(t, time.Duration(0), stream.Spread(0, time.Minute, 0))
	require.Equal(t, time.Duration(0), stream.Spread(5, 0, 4))
	require.Equal(t, 45*time.Second, stream.Spread(4, time.Minute, 3))
	last := time.Duration(-1)
	for i := range 100_000 {
		d := stream.Spread(100_000, time.Hour, i)
		require.Greater(t, d, last)
		last = d
	}
	require.Less(t, last, time.Hour)
}
