package router

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
)

// fakeRecords are what a test says, or what it is waited for in vain.
type fakeRecords struct {
	mu     sync.Mutex
	of     map[string][]catalog.Deployment
	err    error
	silent bool
	asked  []time.Time // since when
}

func (f *fakeRecords) Deployments(ctx context.Context, since time.Time) (map[string][]catalog.Deployment, error) {
	f.mu.Lock()
	f.asked = append(f.asked, since)
	of, err, silent := f.of, f.err, f.silent
	f.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return of, err
}

// say changes what is told from now on.
func (f *fakeRecords) say(change func(*fakeRecords)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// toGreen is a deployment of web that took a minute.
func toGreen(began time.Time) catalog.Deployment {
	d := catalog.Deployment{
		ID: catalog.NewDeploymentID(began), Service: "web", Environment: "production",
		Target:   catalog.Target{Colour: catalog.Green, Environment: "production"},
		Previous: catalog.PointTo(catalog.Target{Colour: catalog.Blue, Environment: "production"}),
	}
	return d.Enter(catalog.Draining, began, "").Enter(catalog.Succeeded, began.Add(time.Minute), "")
}

func TestMeasuresAreReadOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		records := &fakeRecords{of: map[string][]catalog.Deployment{"web": {toGreen(time.Now().Add(-time.Hour))}}}
		var table atomic.Pointer[Table]
		build := func(of catalog.Snapshot) {
			built, _ := Build(of, BuildOptions{})
			table.Store(built)
		}
		m, err := newMeasures(Options{
			Records: records, Now: time.Now, Registry: prometheus.NewRegistry(),
			Logger: hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Info}),
		}, table.Load)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.run(ctx) }()
		later := func(d time.Duration) {
			time.Sleep(d) // of the bubble's clock
			synctest.Wait()
		}
		later(10 * time.Second)
		require.Empty(t, records.asked, "who knows no flips can't measure")
		require.Zero(t, m.readAt())

		build(catalog.Snapshot{})
		later(measureAgain)
		require.Len(t, records.asked, 1)
		require.Equal(t, 1, m.service("web")[0].Frequency.Count)
		require.Zero(t, m.service("web")[0].Failing.Failed)
		first := m.readAt()
		require.NotZero(t, first)
		require.Equal(t, 37*24*time.Hour, time.Since(records.asked[0]).Round(time.Minute))

		records.say(func(f *fakeRecords) { f.err = errors.New("no Consul") })
		later(5 * time.Minute)
		require.GreaterOrEqual(t, len(records.asked), 5)
		require.LessOrEqual(t, len(records.asked), 6)
		require.Len(t, m.all(), 1, "the last measures stay")
		require.InDelta(t, first, m.readAt(), 0)
		require.Equal(t, 1, strings.Count(log.String(), "can't be read"))

		records.say(func(f *fakeRecords) { f.err, f.silent = nil, true })
		later(3 * time.Minute)
		records.say(func(f *fakeRecords) { f.silent = false })
		flipped := &catalog.Service{Name: "web", Flips: map[string]catalog.FlipRecord{"production": {
			From: catalog.PointTo(records.of["web"][0].Target), To: records.of["web"][0].Previous, At: time.Now(),
		}}}
		build(catalog.Snapshot{Services: cow.Of(map[string]*catalog.Service{"web": flipped})})
		later(2 * time.Minute)
		require.Equal(t, 1, m.service("web")[0].Failing.Failed, "the table tells of flips without a deployment")
		require.Contains(t, log.String(), "can be read again")
		require.Greater(t, m.readAt(), first)

		old := toGreen(time.Now().Add(-31 * 24 * time.Hour))
		records.say(func(f *fakeRecords) { f.of = map[string][]catalog.Deployment{"web": {old}} })
		later(2 * time.Minute)
		require.Empty(t, m.all(), "of long ago")

		records.say(func(f *fakeRecords) { f.silent = true })
		later(2 * time.Minute)
		cancel()
		<-done
	})
}

func TestNothingIsMeasuredWithoutRecords(t *testing.T) {
	m, err := newMeasures(Options{Registry: prometheus.NewRegistry()}, func() *Table { return nil })
	require.NoError(t, err)
	m.run(t.Context())
	require.Empty(t, m.all())
	require.Empty(t, m.service("web"))
}
