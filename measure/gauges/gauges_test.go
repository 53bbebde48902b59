package gauges_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/measure"
	"teal/measure/gauges"
)

func TestGauges(t *testing.T) {
	until := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	keys := []measure.Keys{
		{Service: "idle", Environment: "production"},
		{
			Service: "web", Environment: "production", Since: until.Add(-time.Hour), Until: until, Began: 3,
			Frequency: measure.Frequency{Count: 2},
			LeadTime:  measure.Spread{Count: 2, Median: time.Minute, P90: 2 * time.Minute},
			Failing:   measure.Failing{Met: 4, Failed: 1, Rate: 0.25},
			Restore:   measure.Restore{Open: 1},
			Steps:     []measure.Step{{State: catalog.Checking, Spread: measure.Spread{Count: 2, Median: 3 * time.Second, P90: 4 * time.Second}}},
		},
		{Service: "web", Environment: "integration", Since: until.Add(-time.Hour), Until: until, Began: 1},
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(gauges.New(func() []measure.Keys { return keys }))
	families, err := registry.Gather()
	require.NoError(t, err)
	var text strings.Builder
	for _, f := range families {
		_, err := expfmt.MetricFamilyToText(&text, f)
		require.NoError(t, err)
	}
	require.Equal(t, `# HELP teal_measure_change_fail_ratio Deployments that went wrong, by those that users met.
# TYPE teal_measure_change_fail_ratio gauge
teal_measure_change_fail_ratio{environment="production",service="web"} 0.25
# HELP teal_measure_deployments Deployments that succeeded in the window.
# TYPE teal_measure_deployments gauge
teal_measure_deployments{environment="integration",service="web"} 0
teal_measure_deployments{environment="production",service="web"} 2
# HELP teal_measure_deployments_failed Those of them that went wrong.
# TYPE teal_measure_deployments_failed gauge
teal_measure_deployments_failed{environment="integration",service="web"} 0
teal_measure_deployments_failed{environment="production",service="web"} 1
# HELP teal_measure_deployments_failed_open Deployments that went wrong and whose users are not well again, as far as records tell.
# TYPE teal_measure_deployments_failed_open gauge
teal_measure_deployments_failed_open{environment="integration",service="web"} 0
teal_measure_deployments_failed_open{environment="production",service="web"} 1
# HELP teal_measure_deployments_met Deployments in the window that users met and of which it is known what came of it.
# TYPE teal_measure_deployments_met gauge
teal_measure_deployments_met{environment="integration",service="web"} 0
teal_measure_deployments_met{environment="production",service="web"} 4
# HELP teal_measure_lead_time_seconds Time from a commit to all users, over the window.
# TYPE teal_measure_lead_time_seconds gauge
teal_measure_lead_time_seconds{environment="production",quantile="0.5",service="web"} 60
teal_measure_lead_time_seconds{environment="production",quantile="0.9",service="web"} 120
# HELP teal_measure_step_seconds Time that deployments that succeeded were in a state, over the window.
# TYPE teal_measure_step_seconds gauge
teal_measure_step_seconds{environment="production",quantile="0.5",service="web",step="checking"} 3
teal_measure_step_seconds{environment="production",quantile="0.9",service="web",step="checking"} 4
# HELP teal_measure_window_seconds The time, ending now, that the measures are of.
# TYPE teal_measure_window_seconds gauge
teal_measure_window_seconds{environment="integration",service="web"} 3600
teal_measure_window_seconds{environment="production",service="web"} 3600
`, text.String())
}
