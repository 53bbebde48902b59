package fleet_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/fleet"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// counted is traffic with buckets up to 10, 100 and 1000 ms, and above.
func counted(since time.Time, errors uint64, upto ...uint64) fleet.Traffic {
	bounds := []float64{10, 100, 1000, 0}
	t := fleet.Traffic{Since: since, Errors: errors, Requests: upto[len(upto)-1]}
	for n, count := range upto {
		t.Buckets = append(t.Buckets, fleet.Bucket{LE: bounds[n], Count: count})
	}
	return t
}

func TestTrafficSub(t *testing.T) {
	now := counted(noon, 3, 4, 6, 8, 10)
	for _, c := range []struct {
		name         string
		before, want fleet.Traffic
	}{
		{"the same router", counted(noon, 1, 2, 3, 4, 5), counted(noon, 2, 2, 3, 4, 5)},
		{"nothing since", now, counted(noon, 0, 0, 0, 0, 0)},
		{"it has begun again", counted(noon.Add(-time.Hour), 1, 2, 3, 4, 5), now},
		{"requests fell", counted(noon, 1, 2, 3, 4, 11), now},
		{"errors fell", counted(noon, 4, 2, 3, 4, 5), now},
		{"a bucket fell", counted(noon, 1, 5, 5, 5, 5), now},
		{"other buckets", fleet.Traffic{Since: noon, Requests: 1, Buckets: []fleet.Bucket{{LE: 7, Count: 1}, {Count: 1}}}, now},
		{"nothing was counted before", fleet.Traffic{Since: noon}, now},
		{"nothing is known of before", fleet.Traffic{}, now},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, now.Sub(c.before)) })
	}
}

func TestTrafficAdd(t *testing.T) {
	a := counted(noon, 1, 1, 2, 3, 4)
	require.Equal(t, counted(time.Time{}, 3, 2, 4, 6, 8), a.Add(counted(noon, 2, 1, 2, 3, 4)))
	plain := a
	plain.Since = time.Time{}
	require.Equal(t, plain, a.Add(fleet.Traffic{}))
	require.Equal(t, plain, fleet.Traffic{}.Add(a))

	other := fleet.Traffic{Requests: 9, Buckets: []fleet.Bucket{{LE: 7, Count: 1}, {LE: 100, Count: 5}, {Count: 9}}}
	require.Equal(t, fleet.Traffic{Requests: 13, Errors: 1, Buckets: []fleet.Bucket{{LE: 100, Count: 7}, {Count: 13}}}, a.Add(other),
		"a bound that only one knows can't be counted")
}

func TestTrafficErrorRate(t *testing.T) {
	require.Zero(t, fleet.Traffic{}.ErrorRate())
	require.InDelta(t, 0.25, fleet.Traffic{Requests: 8, Errors: 2}.ErrorRate(), 1e-9)
	require.InDelta(t, 1, fleet.Traffic{Requests: 1, Errors: 2}.ErrorRate(), 1e-9, "one of them is of a request from before")
}

func TestTrafficQuantile(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		name    string
		traffic fleet.Traffic
		part    float64
		want    time.Duration
		says    string
	}{
		{"no requests", fleet.Traffic{}, 0.95, 0, "within 0s"},
		{"half of the first bucket", counted(noon, 0, 10, 10, 10, 10), 0.5, 5 * ms, "within 5ms"},
		{"the end of a bucket", counted(noon, 0, 50, 100, 100, 100), 0.5, 10 * ms, "within 10ms"},
		{"in the second", counted(noon, 0, 50, 100, 100, 100), 0.95, 91 * ms, "within 91ms"},
		{"over an empty one", counted(noon, 0, 50, 50, 100, 100), 0.75, 550 * ms, "within 550ms"},
		{"all", counted(noon, 0, 50, 50, 100, 100), 1, 1000 * ms, "within 1s"},
		{"none, where the first are empty", counted(noon, 0, 0, 0, 100, 100), 0, 100 * ms, "within 100ms"},
		{"up to the last bound", counted(noon, 0, 0, 0, 95, 100), 0.95, 1000 * ms, "within 1s"},
		{"above all bounds", counted(noon, 0, 0, 0, 94, 100), 0.95, fleet.Unbounded, "in more than 1s"},
		{"finely", counted(noon, 0, 100, 100, 100, 100), 0.123, 1230 * time.Microsecond, "within 1.2ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.InDelta(t, c.want, c.traffic.Quantile(c.part), float64(time.Microsecond))
			require.Equal(t, c.says, c.traffic.Within(c.part))
		})
	}
	require.Equal(t, "100 requests, 2 % of them errors, 95 of 100 answered within 91ms", counted(noon, 2, 50, 100, 100, 100).String())
	require.Equal(t, "no requests", fleet.Traffic{}.String())
}

func TestTrafficAsJSON(t *testing.T) {
	text, err := json.Marshal(counted(noon, 1, 1, 2, 3, 4))
	require.NoError(t, err)
	require.JSONEq(t, `{"since":"2026-05-01T12:00:00Z","requests":4,"errors":1,
		"buckets":[{"le_ms":10,"count":1},{"le_ms":100,"count":2},{"le_ms":1000,"count":3},{"count":4}]}`, string(text))
	var back fleet.Traffic
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, counted(noon, 1, 1, 2, 3, 4), back)
}

func TestTrafficReportSub(t *testing.T) {
	told := func(id string, t fleet.Traffic) fleet.RouterTraffic { return fleet.RouterTraffic{ID: id, Traffic: t} }
	before := fleet.TrafficReport{
		At: noon,
		Routers: []fleet.RouterTraffic{
			told("goes on", counted(noon.Add(-time.Hour), 1, 10, 10, 10, 10)),
			told("restarts", counted(noon.Add(-time.Hour), 1, 10, 10, 10, 10)),
			told("falls silent", counted(noon.Add(-time.Hour), 1, 10, 10, 10, 10)),
		},
		Silent: []fleet.SilentRouter{{ID: "was silent", Why: "a timeout"}},
	}
	now := fleet.TrafficReport{
		At: noon.Add(time.Minute),
		Routers: []fleet.RouterTraffic{
			told("goes on", counted(noon.Add(-time.Hour), 2, 12, 12, 12, 12)),
			told("restarts", counted(noon.Add(time.Second), 3, 3, 3, 3, 3)),
			told("starts", counted(noon.Add(time.Second), 4, 5, 5, 5, 5)),
			told("was silent", counted(noon.Add(-time.Hour), 100, 1000, 1000, 1000, 1000)),
		},
		Silent: []fleet.SilentRouter{{ID: "falls silent", Why: "a timeout"}},
	}
	require.Equal(t, counted(time.Time{}, 1+3+4, 10, 10, 10, 10), now.Sub(before))
	window := now.After(before)
	require.Equal(t, []string{"falls silent", "was silent"}, window.SilentIDs(), "which of its requests are new nobody knows")
	require.Equal(t, now.At, window.At)
	require.Len(t, window.Routers, 3)
	require.Len(t, now.Silent, 1, "the report itself is not changed")
	require.Equal(t, uint64(1020), now.Total().Requests)
}

func TestObserverTraffic(t *testing.T) {
	one, two := counted(noon, 1, 1, 2, 3, 4), counted(noon, 0, 1, 1, 1, 1)
	w := &world{
		listed: []string{"r2", "silent", "r1", "older"},
		views:  map[string]fleet.TargetView{"r1": {Traffic: &one}, "r2": {Traffic: &two}, "older": {}},
	}
	began := time.Now()
	report, err := (&fleet.Observer{Records: w, Ask: w}).Traffic(t.Context(), "web", blue)
	require.NoError(t, err)
	require.False(t, report.At.Before(began))
	require.Equal(t, []fleet.RouterTraffic{{ID: "r1", Traffic: one}, {ID: "r2", Traffic: two}}, report.Routers)
	require.Equal(t, []string{"older", "silent"}, report.SilentIDs())
	require.Contains(t, report.Silent[0].Why, "it may be of an older release of Teal: update it")
	require.Contains(t, report.Silent[1].Why, "connection refused")
	require.EqualValues(t, 5, report.Total().Requests)
}

func TestObserverTrafficThatNobodyTells(t *testing.T) {
	for _, c := range []struct {
		name  string
		world *world
		asks  bool
		says  string
	}{
		{"no router", &world{}, true, "no router lives that could tell about the traffic of blue-production of web; start one"},
		{"all silent", &world{listed: []string{"r1"}}, true, "no router tells about the traffic of blue-production of web: connection refused"},
		{"Consul is silent", &world{err: context.DeadlineExceeded}, true, "look which routers live, to ask about the traffic of blue-production of web: context deadline"},
		{"nobody may ask", &world{listed: []string{"r1"}}, false, "nobody may ask the routers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &fleet.Observer{Records: c.world}
			if c.asks {
				o.Ask = c.world
			}
			report, err := o.Traffic(t.Context(), "web", catalog.Target{Colour: catalog.Blue, Environment: "production"})
			require.ErrorContains(t, err, c.says)
			require.Empty(t, report.Routers)
		})
	}
}
