package measure_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/measure"
)

var (
	blue  = catalog.Target{Colour: catalog.Blue, Environment: "production"}
	green = catalog.Target{Colour: catalog.Green, Environment: "production"}
	bare  = catalog.Target{Environment: "production"}

	// noon is when all tests begin; times are minutes after it.
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func at(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }

// step is a state entered at a minute.
type step struct {
	state  catalog.DeploymentState
	minute int
}

// record is a deployment to a target while previous got the requests.
func record(id string, to, previous catalog.Target, steps ...step) catalog.Deployment {
	d := catalog.Deployment{ID: id, Service: "web", Environment: "production", Target: to, Release: "r" + id}
	if !previous.IsZero() {
		d.Previous = catalog.PointTo(previous)
	}
	for _, s := range steps {
		d = d.Enter(s.state, at(s.minute), "")
	}
	return d
}

// good takes five minutes from its lock to its success, of which one after its
// flip.
func good(id string, to, previous catalog.Target, minute int) catalog.Deployment {
	return record(id, to, previous,
		step{catalog.Pending, minute}, step{catalog.Locked, minute}, step{catalog.Checking, minute + 1},
		step{catalog.Flipping, minute + 4}, step{catalog.Draining, minute + 4}, step{catalog.Succeeded, minute + 5})
}

func history(deployments ...catalog.Deployment) measure.History {
	return measure.History{Service: "web", Environment: "production", Deployments: deployments}
}

// day is the window of most tests; it ends at minute 1,000.
func day(h measure.History) measure.Keys { return measure.Of(h, 24*time.Hour, at(1000)) }

func minutes(n float64) time.Duration { return time.Duration(n * float64(time.Minute)) }

func TestDeploymentsAreCounted(t *testing.T) {
	h := history(
		good("1", blue, catalog.Target{}, -2000), // before the window
		good("2", green, blue, 0),
		good("3", blue, green, 100),
		record("4", green, blue, step{catalog.Pending, 200}, step{catalog.Checking, 201}, step{catalog.Failed, 205}),
		remedy(good("7", green, blue, 250)),
		record("5", green, blue, step{catalog.Pending, 300}, step{catalog.Flipping, 301}, step{catalog.Draining, 302}),
	)
	other := good("6", green, blue, 400)
	other.Environment = "integration"
	h.Deployments = append(h.Deployments, other)
	k := measure.Of(h, 48*time.Hour/2, at(1000))
	require.Equal(t, measure.Frequency{Count: 2, PerDay: 2, PerWeek: 14}, k.Frequency, "one failed, one is under way, one is no change")
	require.Equal(t, 5, k.Began)
	require.Equal(t, at(-2000), k.Oldest)
	require.Equal(t, at(1000), k.Until)
	require.Equal(t, at(1000-24*60), k.Since)
	k = measure.Of(h, 4*24*time.Hour, at(1000))
	require.Equal(t, measure.Frequency{Count: 3, PerDay: 0.75, PerWeek: 5.25}, k.Frequency)
	require.False(t, k.Empty())
	require.True(t, measure.Of(h, time.Hour, at(5000)).Empty())
	require.True(t, day(history()).Empty())
}

func TestLeadTimeIsFromTheCommitToTheFlip(t *testing.T) {
	committed := func(d catalog.Deployment, minute int, revision string) catalog.Deployment {
		d.Committed, d.Revision = at(minute), revision
		return d
	}
	var all []catalog.Deployment
	for n := range 10 { // flips at 4, 104, ...; lead times 10, 20, ... 100
		all = append(all, committed(good(fmt.Sprint(n), green, blue, 100*n), 100*n+4-10*(n+1), fmt.Sprint("c", n)))
	}
	k := day(history(all...))
	require.Equal(t, measure.Spread{Count: 10, Median: minutes(55), P90: minutes(90)}, k.LeadTime)

	k = day(history(all[:3]...))
	require.Equal(t, measure.Spread{Count: 3, Median: minutes(20), P90: minutes(30)}, k.LeadTime)

	failed := committed(record("f", green, blue, step{catalog.Flipping, 500}, step{catalog.Draining, 501}, step{catalog.RollingBack, 502}, step{catalog.RolledBack, 503}), 0, "cf")
	unknown := good("u", green, blue, 600)
	future := committed(good("w", green, blue, 700), 705, "cw")
	back := remedy(committed(good("b", green, blue, 750), 4, "cb"))
	again := committed(good("a", green, blue, 800), 4-10, "c0")
	k = day(history(all[0], failed, unknown, future, back, again))
	require.Equal(t, measure.Spread{Count: 1, Median: minutes(10), P90: minutes(10)}, k.LeadTime,
		"no lead time without a commit, of a commit after its flip, of what was taken back, of a release that is brought back, of a commit that was live before")
}

// verdict is what comes of a history: its failures, with the minutes from users
// meeting them to being well; -1 for open, -2 for not known.
func verdict(k measure.Keys) (met int, failures map[string]int) {
	failures = map[string]int{}
	for _, f := range k.Failing.Which {
		switch {
		case f.Open:
			failures[f.Deployment] = -1
		case f.Restored.IsZero():
			failures[f.Deployment] = -2
		default:
			failures[f.Deployment] = int(f.Restored.Sub(f.Met).Minutes())
		}
	}
	return k.Failing.Met, failures
}

func TestWhatFailsAndWhenItIsRestored(t *testing.T) {
	flip := func(from, to catalog.Target, minute int, deployment string) catalog.FlipRecord {
		return catalog.FlipRecord{From: catalog.PointTo(from), To: catalog.PointTo(to), At: at(minute), Deployment: deployment}
	}
	first := good("1", blue, catalog.Target{}, 0) // live at 4
	second := good("2", green, blue, 100)         // live at 104
	rolledBack := record("2", green, blue, step{catalog.Locked, 100}, step{catalog.Flipping, 103}, step{catalog.Draining, 104},
		step{catalog.Baking, 105}, step{catalog.RollingBack, 110}, step{catalog.RolledBack, 112})
	canary := record("2", green, blue, step{catalog.Locked, 100}, step{catalog.Flipping, 103}, step{catalog.Flipping, 104},
		step{catalog.Flipping, 110}, step{catalog.RollingBack, 120}, step{catalog.RolledBack, 121})
	stuck := record("2", green, blue, step{catalog.Locked, 100}, step{catalog.Flipping, 103}, step{catalog.Draining, 104},
		step{catalog.RollingBack, 110}, step{catalog.RollbackFailed, 112})
	inPlace := func(d catalog.Deployment) catalog.Deployment {
		d.Replaces = &catalog.Release{ID: "old"}
		return d
	}
	split := catalog.AliasValue{Shares: []catalog.Share{{Target: green, Weight: 10}, {Target: blue, Weight: 90}}}
	partly := catalog.FlipRecord{From: catalog.PointTo(green), To: split, At: at(134)}
	type failures = map[string]int
	for name, c := range map[string]struct {
		deployments []catalog.Deployment
		flip        catalog.FlipRecord
		alias       catalog.AliasValue
		met         int
		failed      failures
	}{
		"nobody fails": {[]catalog.Deployment{first, second, good("3", blue, green, 200)}, flip(green, blue, 204, "3"), catalog.PointTo(blue), 3, failures{}},
		"a failure before the flip is none": {
			[]catalog.Deployment{first, record("2", green, blue, step{catalog.Locked, 100}, step{catalog.Checking, 101}, step{catalog.Failed, 102})},
			flip(blue, blue, 4, "1"), catalog.PointTo(blue), 1,
			failures{},
		},
		"a flip that was refused is none": {
			[]catalog.Deployment{first, record("2", green, blue, step{catalog.Locked, 100}, step{catalog.Flipping, 101}, step{catalog.Superseded, 102})},
			catalog.FlipRecord{},
			catalog.AliasValue{},
			1,
			failures{},
		},
		"under way is not judged": {
			[]catalog.Deployment{first, record("2", green, blue, step{catalog.Locked, 100}, step{catalog.Flipping, 103}, step{catalog.Draining, 104})},
			flip(blue, green, 104, "2"), catalog.PointTo(green), 1,
			failures{},
		},
		"rolled back by itself":           {[]catalog.Deployment{first, rolledBack}, flip(green, blue, 110, "2"), catalog.PointTo(blue), 2, failures{"2": 8}},
		"rolled back, then another":       {[]catalog.Deployment{first, rolledBack, good("3", green, blue, 200)}, flip(blue, green, 204, "3"), catalog.PointTo(green), 3, failures{"2": 8}},
		"a canary that is taken back":     {[]catalog.Deployment{first, canary}, flip(blue, green, 121, "2"), catalog.PointTo(blue), 2, failures{"2": 17}},
		"stuck, and nothing since":        {[]catalog.Deployment{first, stuck}, flip(blue, green, 104, "2"), catalog.PointTo(green), 2, failures{"2": -1}},
		"stuck, then rolled back by hand": {[]catalog.Deployment{first, stuck}, flip(green, blue, 130, ""), catalog.PointTo(blue), 2, failures{"2": 26}},
		"stuck, then a good one":          {[]catalog.Deployment{first, stuck, good("3", blue, green, 200)}, flip(green, blue, 204, "3"), catalog.PointTo(blue), 3, failures{"2": 100}},
		"stuck, a bad one, a good one": {
			[]catalog.Deployment{
				first, stuck, good("4", blue, green, 300),
				record("3", blue, green, step{catalog.Locked, 200}, step{catalog.Flipping, 203}, step{catalog.Draining, 204}, step{catalog.RollingBack, 206}, step{catalog.RolledBack, 209}),
			},
			flip(green, blue, 304, "4"), catalog.PointTo(blue), 4,
			failures{"2": 200, "3": 5},
		},
		"succeeded, then `teal rollback`": {[]catalog.Deployment{first, second}, flip(green, blue, 134, ""), catalog.PointTo(blue), 2, failures{"2": 30}},
		"`teal rollback`, then a good one": {
			[]catalog.Deployment{first, second, good("3", green, blue, 200)}, flip(blue, green, 204, "3"), catalog.PointTo(green), 3, failures{"2": -2},
		},
		"`teal rollback`, then one that fails before its flip": {
			[]catalog.Deployment{first, second, record("3", green, blue, step{catalog.Locked, 200}, step{catalog.Failed, 202})},
			flip(green, blue, 134, ""), catalog.PointTo(blue), 2,
			failures{"2": 30},
		},
		"rolled back after one that gave back": {
			[]catalog.Deployment{
				first, second,
				record("3", blue, green, step{catalog.Locked, 200}, step{catalog.Flipping, 203}, step{catalog.Draining, 204}, step{catalog.RollingBack, 206}, step{catalog.RolledBack, 209}),
				good("4", green, blue, 300),
			}, flip(blue, green, 304, "4"), catalog.PointTo(green), 4, failures{"2": -2, "3": 5},
		},
		"a flip by hand with curl":             {[]catalog.Deployment{first, second}, flip(blue, green, 104, "2"), catalog.PointTo(blue), 2, failures{"2": -2}},
		"a part of it by hand with curl":       {[]catalog.Deployment{first, second}, flip(blue, green, 104, "2"), split, 2, failures{}},
		"a flip forth again before the next":   {[]catalog.Deployment{first, second, good("3", blue, green, 200)}, flip(green, blue, 204, "3"), catalog.PointTo(blue), 3, failures{}},
		"records are older than the alias":     {[]catalog.Deployment{first, second}, flip(green, blue, 204, "3"), catalog.PointTo(blue), 2, failures{}},
		"a record is older than the alias":     {[]catalog.Deployment{first, second, record("3", blue, green, step{catalog.Locked, 200})}, flip(green, blue, 204, "3"), catalog.PointTo(blue), 2, failures{}},
		"an alias of which no flip is known":   {[]catalog.Deployment{first, second}, catalog.FlipRecord{}, catalog.PointTo(blue), 2, failures{}},
		"a part of it by `teal flip`":          {[]catalog.Deployment{first, second}, partly, split, 2, failures{}},
		"an alias that was taken away":         {[]catalog.Deployment{first, second, good("3", blue, catalog.Target{}, 200)}, flip(green, blue, 204, "3"), catalog.PointTo(blue), 3, failures{}},
		"the colour of an earlier one":         {[]catalog.Deployment{first, second, good("3", blue, green, 200)}, flip(blue, green, 300, ""), catalog.PointTo(green), 3, failures{"3": 96}},
		"an older flip by hand":                {[]catalog.Deployment{first, second}, flip(green, blue, 50, ""), catalog.PointTo(green), 2, failures{}},
		"one that waited for the lock is last": {[]catalog.Deployment{first, late(good("2", green, blue, 100), -50), good("3", blue, green, 200)}, flip(green, blue, 204, "3"), catalog.PointTo(blue), 3, failures{}},
		"an earlier release is brought back": {
			[]catalog.Deployment{first, second, remedy(good("3", blue, green, 200)), good("4", green, blue, 300)},
			flip(blue, green, 304, "4"), catalog.PointTo(green), 3,
			failures{"2": 100},
		},
		"an earlier release should have been brought back": {
			[]catalog.Deployment{first, second, remedy(record("3", blue, green, step{catalog.Locked, 200}, step{catalog.Failed, 202}))},
			flip(blue, green, 104, "2"), catalog.PointTo(green), 2,
			failures{},
		},
		"an earlier release is brought back in place": {
			[]catalog.Deployment{inPlace(good("1", bare, bare, 0)), remedy(inPlace(good("2", bare, bare, 100)))},
			catalog.FlipRecord{},
			catalog.AliasValue{},
			1,
			failures{"1": 100},
		},
		"in place, the outage is met": {
			[]catalog.Deployment{
				inPlace(good("1", bare, bare, 0)),
				inPlace(record("2", bare, bare, step{catalog.Locked, 100}, step{catalog.Starting, 101}, step{catalog.Checking, 102}, step{catalog.Failed, 108})),
			}, catalog.FlipRecord{}, catalog.AliasValue{}, 2, failures{"2": 7},
		},
		"in place, before it is touched": {
			[]catalog.Deployment{inPlace(record("2", bare, bare, step{catalog.Locked, 100}, step{catalog.Pulling, 101}, step{catalog.Failed, 108}))},
			catalog.FlipRecord{},
			catalog.AliasValue{},
			0,
			failures{},
		},
		"the first in its place": {
			[]catalog.Deployment{record("2", bare, catalog.Target{}, step{catalog.Locked, 100}, step{catalog.Starting, 101}, step{catalog.Failed, 108})},
			catalog.FlipRecord{},
			catalog.AliasValue{},
			0,
			failures{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := history(c.deployments...)
			h.Flip, h.Alias = c.flip, c.alias
			k := day(h)
			met, failed := verdict(k)
			require.Equal(t, c.met, met)
			require.Equal(t, c.failed, failed)
			require.Equal(t, len(failed), k.Failing.Failed)
			if met > 0 {
				require.InDelta(t, float64(len(failed))/float64(met), k.Failing.Rate, 1e-9)
			}
		})
	}
}

// remedy is a deployment that brings an earlier release back.
func remedy(d catalog.Deployment) catalog.Deployment {
	d.RolledBackTo = "0"
	return d
}

// late is a deployment that began to wait for its lock at a minute.
func late(d catalog.Deployment, minute int) catalog.Deployment {
	d.Timeline[0].At = at(minute)
	return d
}

func TestRestoreIsTheMedianOfWhatIsKnown(t *testing.T) {
	back := func(id string, minute, took int) catalog.Deployment {
		return record(id, green, blue, step{catalog.Locked, minute}, step{catalog.Flipping, minute}, step{catalog.Draining, minute},
			step{catalog.RollingBack, minute}, step{catalog.RolledBack, minute + took})
	}
	k := day(history(
		good("1", blue, catalog.Target{}, -3000),
		back("2", -2000, 500), // before the window
		back("3", 0, 3), back("4", 10, 4), back("5", 20, 9), back("6", 40, 10),
		good("7", green, blue, 100), good("8", green, blue, 200),
		record("9", blue, green, step{catalog.Locked, 300}, step{catalog.Flipping, 300}, step{catalog.Draining, 301}, step{catalog.RollingBack, 302}),
	))
	require.Equal(t, measure.Restore{Spread: measure.Spread{Count: 4, Median: minutes(6.5), P90: minutes(10)}, Open: 1, Unknown: 1}, k.Restore)
	require.Equal(t, 7, k.Failing.Met)
	require.Equal(t, 6, k.Failing.Failed)
}

func TestSteps(t *testing.T) {
	canary := record("2", green, blue, step{catalog.Pending, 0}, step{catalog.Locked, 1}, step{catalog.Checking, 1}, step{catalog.Flipping, 6},
		step{catalog.Flipping, 8}, step{catalog.Draining, 11}, step{catalog.Succeeded, 14})
	failed := record("3", green, blue, step{catalog.Pending, 30}, step{catalog.Checking, 30}, step{catalog.Failed, 90})
	k := day(history(good("1", blue, catalog.Target{}, 100), canary, failed))
	one := func(state catalog.DeploymentState, median, p90 float64) measure.Step {
		return measure.Step{State: state, Spread: measure.Spread{Count: 2, Median: minutes(median), P90: minutes(p90)}}
	}
	require.Equal(t, []measure.Step{
		one(catalog.Pending, 0.5, 1), one(catalog.Locked, 0.5, 1), one(catalog.Checking, 4, 5),
		one(catalog.Flipping, 2.5, 5), one(catalog.Draining, 2, 3),
	}, k.Steps)
	require.NotNil(t, day(history()).Steps)
}

func TestHistoriesAreByEnvironment(t *testing.T) {
	d := good("1", blue, catalog.Target{}, 0)
	other := d
	other.Environment = "integration"
	s := &catalog.Service{
		Flips:   map[string]catalog.FlipRecord{"production": {By: "ann"}},
		Aliases: map[string]catalog.Alias{"production": {Value: catalog.PointTo(green)}},
	}
	require.Equal(t, []measure.History{
		{Service: "web", Environment: "integration", Deployments: []catalog.Deployment{other}},
		{Service: "web", Environment: "production", Deployments: []catalog.Deployment{d, d}, Flip: catalog.FlipRecord{By: "ann"}, Alias: catalog.PointTo(green)},
	}, measure.Histories("web", []catalog.Deployment{d, other, d}, s))
	require.Len(t, measure.Histories("web", []catalog.Deployment{d}, nil), 1)
}

func TestSummary(t *testing.T) {
	k := measure.Keys{Since: noon, Until: noon.Add(30 * 24 * time.Hour)}
	require.Equal(t, "0 deployments in 30 days", k.Summary())
	k.Frequency.Count, k.LeadTime = 12, measure.Spread{Count: 12, Median: minutes(41)}
	k.Failing = measure.Failing{Met: 25, Failed: 1, Rate: 0.04}
	k.Restore.Spread = measure.Spread{Count: 1, Median: minutes(3)}
	require.Equal(t, "12 deployments in 30 days, lead time 41 min, 4 % failed, restored in 3 min", k.Summary())
	k.Failing = measure.Failing{Met: 300, Failed: 1, Rate: 1. / 300}
	require.Contains(t, k.Summary(), ", under 1 % failed,")
	k.Failing = measure.Failing{Met: 3}
	require.Contains(t, k.Summary(), ", none failed,")
	k.Frequency.Count = 1
	require.Contains(t, k.Summary(), "1 deployment in ")
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 12 * time.Millisecond: "12 ms", time.Second: "1 s", 119 * time.Second: "119 s", 2 * time.Minute: "2 min",
		119 * time.Minute: "119 min", 2 * time.Hour: "2 h", 47 * time.Hour: "47 h", 48 * time.Hour: "2 days", 61 * time.Hour: "3 days",
	} {
		require.Equal(t, want, measure.Words(d))
	}
}
