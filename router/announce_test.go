package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// Watch implements Source.
func (s scripted) Watch(ctx context.Context, apply func(catalog.Snapshot)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case snapshot := <-s:
			apply(snapshot)
		}
	}
}

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// listener is an Announcer that notes what the router really served at the time.
type listener struct {
	router *Router

	mu      sync.Mutex
	fails   int
	records []catalog.RouterRecord
	early   bool // announced before the table was published
}

func (l *listener) Announce(_ context.Context, r catalog.RouterRecord) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails > 0 {
		l.fails--
		return errors.New("no leader")
	}
	table := l.router.dispatch.table.Load()
	l.early = l.early || r.Applied > 0 && (table == nil || table.snapshot.AliasIndex < r.Applied)
	l.records = append(l.records, r)
	return nil
}

// heard is what was announced so far.
func (l *listener) heard() []catalog.RouterRecord {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records)
}

// fail lets the next announcements fail.
func (l *listener) fail(times int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fails = times
}

func TestAnnouncesWhatIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, ear := make(scripted), &listener{fails: 3}
		r, err := New(Options{ID: "r1", ProxyAddr: "10.0.0.1:80", AdminURL: "http://10.0.0.1:81", Version: "v1", Source: source, Announcer: ear})
		require.NoError(t, err)
		ear.router = r
		ctx, cancel := contextOf(t)
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		at := func(index uint64) {
			s := snapshotOf(bluePro)
			s.AliasIndex = index
			source <- s
		}
		began := time.Now().UTC()
		synctest.Wait()
		require.Empty(t, ear.heard())
		record := catalog.RouterRecord{ID: "r1", Proxy: "10.0.0.1:80", Admin: "http://10.0.0.1:81", Version: "v1", Since: began}
		time.Sleep(introduction)
		synctest.Wait()
		require.Equal(t, []catalog.RouterRecord{record}, ear.heard(), "before anything is applied")
		ear.fail(3)
		at(5)
		synctest.Wait()
		at(6) // while the announcer is still trying
		time.Sleep(10 * time.Second)
		synctest.Wait()
		record.Applied = 6
		require.Equal(t, record, ear.heard()[1], "the latest wins")
		said := len(ear.heard())
		at(6)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, ear.heard(), said, "the same index is not news")
		at(9)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, uint64(9), ear.heard()[said].Applied)
		require.False(t, ear.early)
		cancel()
		require.NoError(t, <-done)
	})
}

// wary is a source and an announcer that note when they are met.
type wary struct {
	hangs bool // until the first reading
	began time.Time

	mu  sync.Mutex
	met []string
}

func (w *wary) meets(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.met = append(w.met, fmt.Sprint(what, " after ", time.Since(w.began)))
}

func (w *wary) Announce(ctx context.Context, r catalog.RouterRecord) error {
	w.meets(fmt.Sprint("announced ", r.Applied))
	if w.hangs && time.Since(w.began) < introduction {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (w *wary) Watch(ctx context.Context, apply func(catalog.Snapshot)) error {
	w.meets("read")
	time.Sleep(time.Second)
	apply(catalog.Snapshot{AliasIndex: 5})
	<-ctx.Done()
	return nil
}

// Whoever lists the routers after a flip must see those that read the alias
// before it. Without Consul a router starts all the same.
func TestARouterAnnouncesItselfBeforeItReads(t *testing.T) {
	for _, c := range []struct {
		name  string
		hangs bool
		want  []string // in any order where the time is the same
	}{
		{"Consul answers", false, []string{"announced 0 after 0s", "announced 5 after 1s", "read after 0s"}},
		{"Consul hangs", true, []string{"announced 0 after 0s", "announced 0 after 2s", "announced 5 after 3s", "read after 2s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wary{hangs: c.hangs, began: time.Now()}
				r, err := New(Options{ID: "r1", Source: w, Announcer: w})
				require.NoError(t, err)
				ctx, cancel := contextOf(t)
				done := make(chan error, 1)
				require.False(t, r.announce.introduced.Load())
				go func() { done <- r.Run(ctx) }()
				time.Sleep(introduction + 2*time.Second)
				cancel()
				require.NoError(t, <-done)
				require.Equal(t, c.want[0], w.met[0])
				require.ElementsMatch(t, c.want, w.met)
				require.True(t, r.announce.introduced.Load())
			})
		})
	}
}

func TestRunEndsWhenTheSourceFails(t *testing.T) {
	r, err := New(Options{Source: broken{}})
	require.NoError(t, err)
	require.ErrorContains(t, r.Run(t.Context()), "watch the service catalogue: no such host")
	_, err = New(Options{})
	require.ErrorContains(t, err, "Options.Source")
}

type broken struct{}

func (broken) Watch(context.Context, func(catalog.Snapshot)) error { return errors.New("no such host") }
