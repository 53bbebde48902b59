package deployer

import "time"

// Limits are what the new release may do to its users while it is watched.
type Limits struct {
	// ErrorRate is the part of its requests that may be answered by a 5xx or not at
	// all, from 0 to 1; nil for any.
	ErrorRate *float64      `json:",omitempty"`
	P95       time.Duration // 95 of 100 requests must be answered within; 0 for any
	// Requests is how many it must have answered before the other two count.
	Requests int
}

// Canary is a flip in steps: each sends a part of the requests to the new release
// and goes on when it has kept within the limits.
type Canary struct {
	Steps  []int         // in percent, rising; the last is 100
	Pause  time.Duration // between two steps
	Limits Limits
}

// Bake is a watch over the new release after the flip. When an instance no longer
// passes or a limit is broken, the deployment goes back by itself.
type Bake struct {
	For    time.Duration
	Limits Limits
}

// The values of what a service file leaves out of its limits.
const (
	DefaultCanaryPause = time.Minute
	DefaultBake        = 5 * time.Minute
	DefaultMinRequests = 20
	maxRequests        = 1_000_000_000
)
