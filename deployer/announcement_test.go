package deployer

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/servicefile"
)

func TestNotifyOutlivesAnInterruptedDeployment(t *testing.T) {
	t.Parallel()
	var heard atomic.Int32
	r := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	t.Cleanup(r.Close)
	d := New(Options{Environ: []string{"HOOK=" + r.URL}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	spec := &servicefile.Spec{Routed: "app", Notify: []servicefile.Notify{
		{Kind: servicefile.NotifyWebhook, Variable: "HOOK", When: servicefile.NotifyFailure},
		{Kind: servicefile.NotifyWebhook, Variable: "HOOK", When: servicefile.NotifyChange},
		{Kind: servicefile.NotifyWebhook, Variable: "NONE", When: servicefile.NotifyAlways},
	}}
	aborted := catalog.Deployment{ID: "1", Service: "web", Environment: "production", State: catalog.Aborted}
	notes := d.tellOf(ctx, spec, aborted, nil)
	require.EqualValues(t, 1, heard.Load())
	require.Equal(t, []string{"the webhook address in the variable NONE was not told how the deployment stands: it is not set where the deployment runs; set it there"}, notes)
	require.Empty(t, d.tellOf(ctx, &servicefile.Spec{}, aborted, nil))
}
