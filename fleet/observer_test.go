package fleet_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/fleet"
)

// world is a fleet whose routers say what a test wants. step is called before
// each look, with its number.
type world struct {
	mu     sync.Mutex
	listed []string
	views  map[string]fleet.TargetView // by router; one without is silent
	alias  string
	err    error // of listing
	step   func(look int)
	looks  int
}

func (w *world) Routers(context.Context) ([]catalog.RouterRecord, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	if w.step != nil {
		w.step(w.looks)
	}
	var list []catalog.RouterRecord
	for _, id := range w.listed {
		list = append(list, catalog.RouterRecord{ID: id, Applied: w.views[id].Applied})
	}
	return list, w.err
}

func (w *world) Service(context.Context, string) (*catalog.Service, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	value, err := catalog.ParseAliasValue(w.alias)
	return &catalog.Service{Name: "web", Aliases: map[string]catalog.Alias{"production": {Name: "production", Value: value, Index: 10}}}, err
}

func (w *world) Target(ctx context.Context, r catalog.RouterRecord, _ string, _ catalog.Target) (fleet.TargetView, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.views[r.ID]
	if !ok {
		return v, errors.New("connection refused")
	}
	return v, ctx.Err()
}

func TestAwait(t *testing.T) {
	done := fleet.TargetView{Applied: 10}
	busy := fleet.TargetView{Applied: 10, InFlight: 2}
	behind := fleet.TargetView{Applied: 9, Aliases: []string{"production"}}
	live := fleet.TargetView{Applied: 12, Aliases: []string{"production"}}
	toBlue := fleet.Flip{Service: "web", Index: 10, Old: []catalog.Target{green}, New: []catalog.Target{blue}}
	type views = map[string]fleet.TargetView
	for _, c := range []struct {
		name    string
		goal    fleet.Goal
		flip    fleet.Flip
		world   *world
		reached int // the look at which it is; 0 for never
		says    string
	}{
		{"all are done", fleet.Drained, toBlue, &world{views: views{"r1": done, "r2": done}}, 1, ""},
		{"nobody routes", fleet.Drained, toBlue, &world{views: views{}}, 1, ""},
		{"requests end", fleet.Drained, toBlue, &world{views: views{"r1": done, "r2": busy}}, 0, "2 requests are still under way"},
		{"applied is enough for applied", fleet.Applied, toBlue, &world{views: views{"r1": done, "r2": busy}}, 1, ""},
		{"one is behind", fleet.Applied, toBlue, &world{views: views{"r1": done, "r2": behind}}, 0, "routers r2 have not applied the flip"},
		{"behind with nothing in flight is not drained", fleet.Drained, toBlue, &world{views: views{"r1": {Applied: 9}}}, 0, "routers r1 have not applied"},
		{"a wiped or restored view has applied nothing", fleet.Drained, toBlue, &world{views: views{"r1": {}}}, 0, "routers r1 have not applied"},
		{"one is silent", fleet.Drained, toBlue, &world{listed: []string{"r1", "r2"}, views: views{"r1": done}}, 0, "router r2 does not tell: connection refused"},
		{"Consul is silent", fleet.Drained, toBlue, &world{views: views{"r1": done}, err: errors.New("no leader")}, 0, "look which routers live: no leader"},
		{"nothing was lost", fleet.Drained, fleet.Flip{Service: "web", Index: 10, New: []catalog.Target{blue}}, &world{alias: "blue-production", views: views{"r1": live}}, 1, ""},
		{"nothing was lost, but one is behind", fleet.Drained, fleet.Flip{Service: "web", Index: 10, New: []catalog.Target{blue}}, &world{views: views{"r1": behind}}, 0, "routers r1 have not applied"},
		{"another history", fleet.Drained, toBlue, &world{views: views{"r1": live}}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := c.world
				if w.listed == nil {
					for id := range w.views {
						w.listed = append(w.listed, id)
					}
				}
				if w.alias == "" {
					w.alias = "blue-production"
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				o := &fleet.Observer{Records: w, Ask: w}
				seen := o.Await(ctx, c.flip, c.goal)
				reached := seen.Applied()
				if c.goal == fleet.Drained {
					reached = seen.Drained()
				}
				require.Equal(t, c.reached > 0, reached, "%+v", seen)
				if reached {
					require.Equal(t, c.reached, w.looks)
				}
				require.Contains(t, seen.String(), c.says)
			})
		})
	}
}

// await waits for a flip from green to blue, while looks change the world.
func await(t *testing.T, w *world) fleet.Report {
	t.Helper()
	w.alias = "blue-production"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o := &fleet.Observer{Records: w, Ask: w}
	return o.Await(ctx, fleet.Flip{Service: "web", Index: 10, Old: []catalog.Target{green}, New: []catalog.Target{blue}}, fleet.Drained)
}

func TestAwaitFollowsTheFleet(t *testing.T) {
	done := fleet.TargetView{Applied: 10}
	live := fleet.TargetView{Applied: 12, Aliases: []string{"production"}}
	busy := fleet.TargetView{Applied: 10, InFlight: 1}
	for _, c := range []struct {
		name  string
		world *world
		step  func(w *world, look int)
		looks int
		ids   []string
	}{
		{
			"one that starts meanwhile",
			&world{listed: []string{"r1"}, views: map[string]fleet.TargetView{"r1": busy}},
			func(w *world, look int) {
				switch look {
				case 2:
					w.listed = []string{"r1", "r2"}
					w.views["r1"] = done
				case 4:
					w.views["r2"] = done
				}
			},
			4,
			[]string{"r1", "r2"},
		},
		{
			"one that dies",
			&world{listed: []string{"r1", "r2"}, views: map[string]fleet.TargetView{"r1": done, "r2": busy}},
			func(w *world, look int) {
				switch look {
				case 2:
					delete(w.views, "r2")
				case 5:
					w.listed = []string{"r1"}
				}
			},
			5,
			[]string{"r1"},
		},
		{
			"one that has lost its record and lives on",
			&world{listed: []string{"r1", "r2"}, views: map[string]fleet.TargetView{"r1": done, "r2": busy}},
			func(w *world, look int) {
				switch look {
				case 2:
					w.listed = []string{"r1"}
				case 6:
					w.views["r2"] = done
				}
			},
			6,
			[]string{"r1", "r2"},
		},
		{
			"one that tells of another history",
			&world{listed: []string{"r1"}, views: map[string]fleet.TargetView{"r1": live}},
			func(w *world, look int) {
				if look == 3 {
					w.views["r1"] = done
				}
			},
			3,
			[]string{"r1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.world.step = func(look int) { c.step(c.world, look) }
				seen := await(t, c.world)
				require.True(t, seen.Drained(), "%+v", seen)
				require.Equal(t, c.looks, c.world.looks)
				var ids []string
				for _, r := range seen.Routers {
					ids = append(ids, r.ID)
				}
				require.Equal(t, c.ids, ids)
			})
		})
	}
}

func TestAwaitSaysAtOnceThatTheAliasMovedAgain(t *testing.T) {
	for name, view := range map[string]fleet.TargetView{
		"a router has applied it":       {Applied: 12, InFlight: 3, Aliases: []string{"production"}},
		"no router has applied it yet":  {Applied: 10},
		"a split that still sends some": {Applied: 10, Aliases: []string{"production"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{listed: []string{"r1"}, views: map[string]fleet.TargetView{"r1": {Applied: 9}}}
			w.step = func(look int) {
				if look == 2 {
					w.alias, w.views["r1"] = "green-production=1,blue-production=1", view
				}
			}
			seen := await(t, w)
			require.False(t, seen.Drained())
			require.Contains(t, seen.Moved, "green-production gets requests again or still: alias production points at green-production=1")
			require.Equal(t, 2, w.looks)
		})
	}
}

func TestRecordsAloneTellWhatIsApplied(t *testing.T) {
	w := &world{listed: []string{"r1", "r2"}, views: map[string]fleet.TargetView{"r1": {Applied: 10}, "r2": {Applied: 9}}}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	o := &fleet.Observer{Records: w, Poll: time.Millisecond}
	seen := o.Await(ctx, fleet.Flip{Service: "web", Index: 10}, fleet.Applied)
	require.Equal(t, []string{"r2"}, seen.Behind())
	seen = o.Await(t.Context(), fleet.Flip{Service: "web", Index: 9}, fleet.Applied)
	require.True(t, seen.Applied())
	seen = o.Await(t.Context(), fleet.Flip{Service: "web"}, fleet.Applied)
	require.True(t, seen.Applied(), "nothing was to be applied")
}

func TestLost(t *testing.T) {
	for _, c := range []struct {
		from, to string
		lost     []catalog.Target
	}{
		{"blue-production", "green-production", []catalog.Target{blue}},
		{"blue-production", "blue-production", nil},
		{"blue-production=1,green-production=9", "blue-production", []catalog.Target{green}},
		{"blue-production=1,green-production=9", "blue-production=1,green-production=0", []catalog.Target{green}},
		{"blue-production=0,green-production=9", "green-production", nil},
		{"", "green-production", nil},
	} {
		var from, to catalog.AliasValue
		require.NoError(t, from.UnmarshalText([]byte(c.from)))
		require.NoError(t, to.UnmarshalText([]byte(c.to)))
		require.Equal(t, c.lost, fleet.Lost(from, to), "%s to %s", c.from, c.to)
	}
}
