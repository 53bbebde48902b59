package fleet

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
	answerTimeout = 2 * time.Second
	retries       = 1
	maxBody       = 1 << 20
)

// Client asks routers over their admin API. It is safe for concurrent use.
type Client struct {
	http *retryablehttp.Client
}

// NewClient makes a client that waits two seconds for an answer and asks at most
// twice, so that one dead router can't hold others up.
func NewClient(log hclog.Logger) *Client {
	c := retryablehttp.NewClient()
	c.HTTPClient.Timeout = answerTimeout
	c.RetryMax = retries
	c.RetryWaitMin, c.RetryWaitMax = 50*time.Millisecond, 200*time.Millisecond
	c.Logger = nil // who asks tells what a router's silence means
	if log != nil && log.IsTrace() {
		c.Logger = log
	}
	return &Client{http: c}
}

// Close closes the connections that are kept for the next question.
func (c *Client) Close() { c.http.HTTPClient.CloseIdleConnections() }

// Target implements Asker: GET <admin>/v1/services/<service>/targets/<target>.
// Anything but a 200 that says how many requests are under way is an error.
func (c *Client) Target(ctx context.Context, r catalog.RouterRecord, service string, t catalog.Target) (TargetView, error) {
	address := strings.TrimRight(r.Admin, "/") + "/v1/services/" + url.PathEscape(service) + "/targets/" + url.PathEscape(t.String())
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return TargetView{}, fmt.Errorf("ask router %s for its view of %s: %w", r.ID, t, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return TargetView{}, fmt.Errorf("ask router %s for its view of %s: %w", r.ID, t, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return TargetView{}, fmt.Errorf("ask router %s for its view of %s: it answered %s to GET %s", r.ID, t, resp.Status, address)
	}
	view, err := readView(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return TargetView{}, fmt.Errorf("read the answer of router %s to GET %s: %w", r.ID, address, err)
	}
	return view, nil
}

// readView reads an answer to its end, so that its connection can be used again.
func readView(body io.Reader) (TargetView, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return TargetView{}, err
	}
	var answer struct {
		InFlight *int `json:"in_flight"` // an answer of something else would lack it
		TargetView
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return TargetView{}, err
	}
	if answer.InFlight == nil {
		return TargetView{}, fmt.Errorf("it does not say what is in flight; is that a router's admin address?")
	}
	view := answer.TargetView
	view.InFlight = *answer.InFlight
	return view, nil
}
