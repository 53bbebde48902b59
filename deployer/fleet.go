package deployer

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-retryablehttp"

	"teal/catalog"
)

const (
	fleetTimeout = 2 * time.Second // for one answer of a router
	fleetRetries = 1
	fleetMaxBody = 1 << 20
)

// HTTPFleet asks routers over their admin API. It is safe for concurrent use.
type HTTPFleet struct {
	client *retryablehttp.Client
}

// NewHTTPFleet makes a fleet that waits two seconds for an answer and asks at
// most twice, so that one dead router can't hold a deployment up.
func NewHTTPFleet(log hclog.Logger) *HTTPFleet {
	c := retryablehttp.NewClient()
	c.HTTPClient.Timeout = fleetTimeout
	c.RetryMax = fleetRetries
	c.RetryWaitMin, c.RetryWaitMax = 50*time.Millisecond, 200*time.Millisecond
	c.Logger = nil // the deployer tells what a router's silence means
	if log != nil && log.IsTrace() {
		c.Logger = log
	}
	return &HTTPFleet{client: c}
}

// Target asks GET <admin>/v1/services/<service>/targets/<target>. Anything but a
// 200 that says how many requests are under way is an error.
func (f *HTTPFleet) Target(ctx context.Context, r catalog.RouterRecord, service string, t catalog.Target) (TargetView, error) {
	address := strings.TrimRight(r.Admin, "/") + "/v1/services/" + url.PathEscape(service) + "/targets/" + url.PathEscape(t.String())
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return TargetView{}, fmt.Errorf("ask router %s for its view of %s: %w", r.ID, t, err)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return TargetView{}, fmt.Errorf("ask router %s for its view of %s: %w", r.ID, t, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return TargetView{}, fmt.Errorf("ask router %s for its view of %s: it answered %s to GET %s", r.ID, t, resp.Status, address)
	}
	var answer struct {
		InFlight *int `json:"in_flight"` // an answer of something else would lack it
		TargetView
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, fleetMaxBody)).Decode(&answer); err != nil {
		return TargetView{}, fmt.Errorf("read the answer of router %s to GET %s: %w", r.ID, address, err)
	}
	if answer.InFlight == nil {
		return TargetView{}, fmt.Errorf("read the answer of router %s to GET %s: it does not say what is in flight; is that a router's admin address?", r.ID, address)
	}
	view := answer.TargetView
	view.InFlight = *answer.InFlight
	return view, nil
}
