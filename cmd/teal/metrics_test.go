package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/measure"
)

// deployed records a deployment of web that began some time ago and entered the
// states one minute after the other.
func (s *shop) deployed(ago time.Duration, commit time.Duration, to catalog.Colour, states ...catalog.DeploymentState) string {
	began := time.Now().Add(-ago)
	d := catalog.Deployment{
		ID: catalog.NewDeploymentID(began), Service: "web", Environment: "production", Release: "1.2",
		Target: catalog.Target{Colour: to, Environment: "production"},
	}
	if commit > 0 {
		d.Committed = began.Add(-commit)
	}
	for n, state := range states {
		d = d.Enter(state, began.Add(time.Duration(n)*time.Minute), "")
	}
	s.put("kv/teal/deployments/web/production/"+d.ID, string(d.Encode()))
	return d.ID
}

func TestMetrics(t *testing.T) {
	s := newShop(t)
	code, said := s.teal("metrics web")
	require.Equal(t, exitDone, code)
	require.Equal(t, "no deployments are recorded\n", said)
	code, said = s.teal("metrics api")
	require.Equal(t, exitError, code)
	require.Contains(t, said, "no service api is known")

	s.deployed(50*time.Hour, 38*time.Minute, catalog.Blue, catalog.Pending, catalog.Locked, catalog.Flipping, catalog.Draining, catalog.Succeeded)
	bad := s.deployed(40*time.Hour, 0, catalog.Green, catalog.Pending, catalog.Locked, catalog.Flipping, catalog.Draining, catalog.Baking, catalog.RollingBack, catalog.RolledBack)
	s.deployed(30*time.Hour, 0, catalog.Green, catalog.Pending, catalog.Locked, catalog.Failed)
	code, said = s.teal("metrics web production")
	require.Equal(t, exitDone, code, said)
	require.Contains(t, said, "web in production, the last 30 days\nrecords begin ")
	require.Contains(t, said, `
MEASURE           VALUE   FROM
deployments       1       0.0333 a day, 0.233 a week
lead time         41 min  median of 1, nine in ten within 41 min
change-fail rate  50 %    1 of 2 that users met
time to restore   3 min   median of 1, nine in ten within 3 min

STEP      MEDIAN  FROM
pending   60 s    median of 1, nine in ten within 60 s
locked    60 s    median of 1, nine in ten within 60 s
flipping  60 s    median of 1, nine in ten within 60 s
draining  60 s    median of 1, nine in ten within 60 s
`)
	require.Contains(t, said, bad+"  1.2      after 3 min\n")

	code, said = s.teal("metrics web --since 45h --json")
	require.Equal(t, exitDone, code, said)
	var keys []measure.Keys
	require.NoError(t, json.Unmarshal([]byte(said), &keys))
	require.Len(t, keys, 1)
	require.Equal(t, 45*time.Hour, keys[0].Window())
	require.Zero(t, keys[0].Frequency.Count)
	require.Equal(t, 3*time.Minute, keys[0].Restore.Median)
	require.Equal(t, bad, keys[0].Failing.Which[0].Deployment)

	code, said = s.teal("metrics web --prometheus")
	require.Equal(t, exitDone, code, said)
	require.Contains(t, said, "# TYPE teal_measure_lead_time_seconds gauge\n"+`teal_measure_lead_time_seconds{environment="production",quantile="0.5",service="web"} 2460`+"\n")

	_, said = s.teal("metrics web integration")
	require.Equal(t, "no deployments are recorded\n", said)
	_, said = s.teal("metrics web integration --json")
	require.Equal(t, "[]\n", said)
}

func TestMetricsSeesARollback(t *testing.T) {
	s := newShop(t)
	s.deployed(5*time.Hour, 0, catalog.Green, catalog.Locked, catalog.Flipping, catalog.Draining, catalog.Succeeded)
	green, blue := catalog.Target{Colour: catalog.Green, Environment: "production"}, catalog.Target{Colour: catalog.Blue, Environment: "production"}
	flip := catalog.FlipRecord{From: catalog.PointTo(green), To: catalog.PointTo(blue), At: time.Now().Add(-4*time.Hour - 38*time.Minute)}
	s.put("kv/teal/flips/web/production", string(flip.Encode()))
	_, said := s.teal("metrics web")
	require.Contains(t, said, "100 %   1 of 1 that users met")
	require.Contains(t, said, "time to restore   20 min")
}

func TestSpansToLookBack(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 30 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "12h": 12 * time.Hour, "90m": 90 * time.Minute,
		"d": -1, "-3d": -1, "9999999d": -1, "soon": -1, "": -1, "1.5d": -1,
	} {
		got, ok := parseSpan(text)
		require.Equal(t, want >= 0, ok, text)
		if ok {
			require.Equal(t, want, got, text)
		}
	}
}

func TestRestoredWords(t *testing.T) {
	require.Equal(t, "not yet", restoredWords(measure.Failure{Open: true}))
	require.Equal(t, "at a time nobody knows", restoredWords(measure.Failure{}))
	require.Equal(t, "none known; 2 at a time nobody knows; 1 not yet", restoreWords(measure.Restore{Unknown: 2, Open: 1}))
	require.Equal(t, "-", rateWords(measure.Failing{}))
}
