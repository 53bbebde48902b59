package load_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/dev/load"
)

// serve answers with the release that is stored, or with a failure when empty.
func serve(t *testing.T) (*load.Load, *atomic.Value) {
	release := &atomic.Value{}
	release.Store("1")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if release.Load() == "" {
			http.Error(w, "no", http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, `{"release":%q}`, release.Load())
	}))
	t.Cleanup(server.Close)
	l := load.New(load.Options{URL: "http://web.example/", Addr: server.Listener.Addr().String(), Workers: 4, PerSecond: 1000})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return l, release
}

func more(t *testing.T, l *load.Load) load.Tally {
	t.Helper()
	before := l.Tally().Requests
	require.Eventually(t, func() bool { return l.Tally().Requests > before+20 }, 10*time.Second, time.Millisecond)
	return l.Tally()
}

func TestExpectedReleasesCount(t *testing.T) {
	l, release := serve(t)
	l.Expect("1")
	require.Zero(t, more(t, l).Failed)
	l.Expect("1", "2")
	release.Store("2")
	require.Zero(t, more(t, l).Failed)
	l.Expect("2")
	tally := more(t, l)
	require.Zero(t, tally.Failed, tally.First)
	require.Positive(t, tally.Releases["1"])
	require.Positive(t, tally.Releases["2"])
}

func TestAReleaseThatIsNotLiveFails(t *testing.T) {
	l, release := serve(t)
	l.Expect("1")
	more(t, l)
	release.Store("0")
	tally := more(t, l)
	require.Positive(t, tally.Failed)
	require.Contains(t, tally.First, `release "0" answered`)
}

func TestABadAnswerFails(t *testing.T) {
	l, release := serve(t)
	release.Store("")
	tally := more(t, l)
	require.Positive(t, tally.Failed)
	require.Contains(t, tally.First, "502")
}
