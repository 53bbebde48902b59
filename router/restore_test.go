package router_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
	"teal/router"
)

// sourceAfter says something after a while, and nothing if that is 0.
type sourceAfter time.Duration

var errSource = errors.New("no token")

func (s sourceAfter) Watch(ctx context.Context, apply func(catalog.Snapshot)) error {
	if s == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	time.Sleep(time.Duration(s))
	apply(catalog.Snapshot{AliasIndex: 9})
	return errSource
}

func TestRestoring(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	view := catalog.Snapshot{
		Restored: at, Problems: []catalog.Problem{{Subject: "x"}},
		Services: cow.Of(map[string]*catalog.Service{"web": web(catalog.PointTo(bluePro))}),
	}
	for name, c := range map[string]struct {
		source sourceAfter
		load   error
		loads  int64
		want   []uint64 // alias indexes; 0 is the saved view
	}{
		"consul is silent":        {source: 0, loads: 1, want: []uint64{0}},
		"consul answers in time":  {source: sourceAfter(time.Second), want: []uint64{9}},
		"consul answers too late": {source: sourceAfter(time.Minute), loads: 1, want: []uint64{0, 9}},
		"nothing was saved":       {source: sourceAfter(time.Minute), load: errors.New("none"), loads: 1, want: []uint64{9}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var loads atomic.Int64
				r := &router.Restoring{Source: c.source, Logger: hclog.NewNullLogger(), Load: func() (catalog.Snapshot, error) {
					loads.Add(1)
					return view, c.load
				}}
				var applied []catalog.Snapshot
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				err := r.Watch(ctx, func(s catalog.Snapshot) { applied = append(applied, s) })
				if c.source == 0 {
					require.ErrorIs(t, err, context.DeadlineExceeded)
				} else {
					require.ErrorIs(t, err, errSource)
				}
				require.Equal(t, c.loads, loads.Load())
				var indexes []uint64
				for _, s := range applied {
					indexes = append(indexes, s.AliasIndex)
				}
				require.Equal(t, c.want, indexes)
				if first := applied[0]; first.AliasIndex == 0 {
					require.Equal(t, at, first.StaleSince)
					require.Len(t, first.Problems, 2)
					require.Contains(t, first.Problems[1].Message, "2026-01-02T03:04:05Z")
				}
				require.Len(t, view.Problems, 1)
			})
		})
	}
}

// TestARestoredViewIsKept has Consul come back with nothing: what was restored
// counts as the view before.
func TestARestoredViewIsKept(t *testing.T) {
	var saves atomic.Int64
	w := newWorld(t, func(o *router.Options) { o.Save = func(catalog.Snapshot) { saves.Add(1) } })
	service := web(catalog.PointTo(bluePro), instanceAt(t, upstream(t, "blue").URL, bluePro, "b1"))
	w.source.snapshots <- catalog.Snapshot{
		Restored: time.Now().Add(-time.Hour), StaleSince: time.Now().Add(-time.Hour),
		Services: cow.Of(map[string]*catalog.Service{"web": service}),
	}
	<-w.source.applied
	_, body := w.adminGet("/readyz")
	require.Contains(t, body, `"status": "ready"`)
	require.Contains(t, body, `"stale_seconds": 36`)
	require.Contains(t, body, `"restored": `)
	w.apply(7, web(catalog.PointTo(bluePro)))
	_, body = w.get("web.proxy.example", "/")
	require.Equal(t, "blue", body)
	require.EqualValues(t, 2, saves.Load())
}
