package router

import (
	"context"
	"errors"
	"fmt"
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
	router  *Router
	fails   int
	records []catalog.RouterRecord
	early   bool // announced before the table was published
}

func (l *listener) Announce(_ context.Context, r catalog.RouterRecord) error {
	if l.fails > 0 {
		l.fails--
		return errors.New("no leader")
	}
	table := l.router.dispatch.table.Load()
	l.early = l.early || r.Applied > 0 && (table == nil || table.snapshot.AliasIndex < r.Applied)
	l.records = append(l.records, r)
	return nil
}

func TestAnnouncesWhatIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, heard := make(scripted), &listener{fails: 3}
		r, err := New(Options{ID: "r1", ProxyAddr: "10.0.0.1:80", AdminURL: "http://10.0.0.1:81", Version: "v1", Source: source, Announcer: heard})
		require.NoError(t, err)
		heard.router = r
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
		require.Empty(t, heard.records)
		record := catalog.RouterRecord{ID: "r1", Proxy: "10.0.0.1:80", Admin: "http://10.0.0.1:81", Version: "v1", Since: began}
		time.Sleep(introduction)
		synctest.Wait()
		require.Equal(t, []catalog.RouterRecord{record}, heard.records, "before anything is applied")
		heard.fails = 3
		at(5)
		synctest.Wait()
		at(6) // while the announcer is still trying
		time.Sleep(10 * time.Second)
		synctest.Wait()
		record.Applied = 6
		require.Equal(t, record, heard.records[1], "the latest wins")
		said := len(heard.records)
		at(6)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, heard.records, said, "the same index is not news")
		at(9)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, uint64(9), heard.records[len(heard.records)-1].Applied)
		require.False(t, heard.early)
		cancel()
		require.NoError(t, <-done)
	})
}

// wary is a source and an announcer that note the order in which they are met.
type wary struct {
	mu    sync.Mutex
	met   []string
	hangs bool
}

// meets notes what is met, and tells whether Consul hangs.
func (w *wary) meets(what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.met = append(w.met, what)
	return w.hangs
}

func (w *wary) Announce(ctx context.Context, r catalog.RouterRecord) error {
	if w.meets(fmt.Sprint("announced ", r.Applied)) {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (w *wary) Watch(ctx context.Context, apply func(catalog.Snapshot)) error {
	w.mu.Lock()
	w.hangs = false
	w.mu.Unlock()
	w.meets("read")
	apply(catalog.Snapshot{AliasIndex: 5})
	<-ctx.Done()
	return nil
}

// Whoever lists the routers after a flip must see those that read the alias
// before it.
func TestARouterAnnouncesItselfBeforeItReads(t *testing.T) {
	for _, c := range []struct {
		name  string
		hangs bool
		want  []string
	}{
		{"Consul answers", false, []string{"announced 0", "read", "announced 5"}},
		{"Consul hangs", true, []string{"announced 0", "read", "announced 5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wary{hangs: c.hangs}
				r, err := New(Options{ID: "r1", Source: w, Announcer: w})
				require.NoError(t, err)
				ctx, cancel := contextOf(t)
				done := make(chan error, 1)
				require.False(t, r.announce.introduced.Load())
				go func() { done <- r.Run(ctx) }()
				time.Sleep(introduction + time.Second)
				synctest.Wait()
				w.mu.Lock()
				require.Equal(t, c.want, w.met)
				w.mu.Unlock()
				require.True(t, r.announce.introduced.Load())
				cancel()
				require.NoError(t, <-done)
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
