package router_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/measure"
	"teal/router"
)

// recorded is the records of deployments; nil can't be read.
type recorded map[string][]catalog.Deployment

func (r recorded) Deployments(context.Context, time.Time) (map[string][]catalog.Deployment, error) {
	if r == nil {
		return nil, errors.New("no Consul")
	}
	return r, nil
}

// bluesDay is a deployment of web that was committed 41 minutes before its flip,
// one that was taken back after three, and one that never got to anybody.
func bluesDay(now time.Time) recorded {
	at := func(ago time.Duration) time.Time { return now.Add(-ago) }
	to := func(t catalog.Target) catalog.Deployment {
		return catalog.Deployment{ID: catalog.NewDeploymentID(now), Service: "web", Environment: "production", Target: t}
	}
	first := to(bluePro).Enter(catalog.Checking, at(5*time.Hour), "").Enter(catalog.Draining, at(4*time.Hour), "").Enter(catalog.Succeeded, at(3*time.Hour), "")
	first.Committed = at(4*time.Hour + 41*time.Minute)
	second := to(greenPro).Enter(catalog.Draining, at(2*time.Hour), "").Enter(catalog.RollingBack, at(118*time.Minute), "").Enter(catalog.RolledBack, at(117*time.Minute), "")
	third := to(greenPro).Enter(catalog.Checking, at(time.Hour), "").Enter(catalog.Failed, at(time.Hour), "")
	return recorded{"web": {first, second, third}}
}

func TestThePageShowsMeasures(t *testing.T) {
	for _, c := range []struct {
		name    string
		preview []netip.Prefix
		shown   bool
	}{{"inside", nil, true}, {"outside", []netip.Prefix{}, false}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *router.Options) { o.Records, o.Preview = bluesDay(time.Now()), c.preview })
			other := flippable()
			other.Name = "api"
			w.apply(7, flippable(), other)
			metrics := ""
			require.Eventually(t, func() bool {
				_, metrics = w.adminGet("/metrics")
				return strings.Contains(metrics, "teal_measure_deployments")
			}, 10*time.Second, 50*time.Millisecond)
			require.Contains(t, metrics, `teal_measure_change_fail_ratio{environment="production",service="web"} 0.5`)
			require.Contains(t, metrics, `teal_measure_lead_time_seconds{environment="production",quantile="0.5",service="web"} 2460`)
			require.Contains(t, metrics, `teal_measure_restore_seconds{environment="production",quantile="0.5",service="web"} 180`)
			require.NotContains(t, metrics, `teal_measure_deployments{environment="production",service="api"}`)

			_, page := w.adminGet("/")
			line := "production: 1 deployment in 30 days, lead time 41 min, 50 % failed, restored in 3 min"
			require.Equal(t, map[bool]int{true: 1}[c.shown], strings.Count(page, line))
			_, body := w.adminGet("/v1/services/web")
			var view struct{ Measures []measure.Keys }
			require.NoError(t, json.Unmarshal([]byte(body), &view))
			require.Len(t, view.Measures, map[bool]int{true: 1}[c.shown])
		})
	}
}

func TestMeasuresThatCannotBeReadHurtNobody(t *testing.T) {
	w := newWorld(t, func(o *router.Options) { o.Records = recorded(nil) })
	w.apply(7, flippable())
	res, _ := w.adminGet("/readyz")
	require.Equal(t, http.StatusOK, res.StatusCode)
	_, page := w.adminGet("/")
	require.Contains(t, page, "blue-production")
	require.NotContains(t, page, "deployments in")
	_, metrics := w.adminGet("/metrics")
	require.Contains(t, metrics, "teal_measure_read_timestamp_seconds 0")
}
