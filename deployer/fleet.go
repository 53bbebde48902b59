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

// InFlight asks GET <admin>/v1/services/<service>/targets/<target>. A router
// that knows nothing of the target has no request there.
func (f *HTTPFleet) InFlight(ctx context.Context, r catalog.RouterRecord, service string, t catalog.Target) (int, error) {
	address := strings.TrimRight(r.Admin, "/") + "/v1/services/" + url.PathEscape(service) + "/targets/" + url.PathEscape(t.String())
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, fmt.Errorf("ask router %s for the requests at %s: %w", r.ID, t, err)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask router %s for the requests at %s: %w", r.ID, t, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return 0, nil
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("ask router %s for the requests at %s: it answered %s to GET %s", r.ID, t, resp.Status, address)
	}
	var answer struct {
		InFlight int `json:"in_flight"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, fleetMaxBody)).Decode(&answer); err != nil {
		return 0, fmt.Errorf("read the answer of router %s to GET %s: %w", r.ID, address, err)
	}
	return answer.InFlight, nil
}
