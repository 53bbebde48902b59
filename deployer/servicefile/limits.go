package servicefile

import (
	"strconv"
	"strings"
	"time"

	"teal/catalog"
)

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

// canary reads the steps of a flip: nil where nothing is said, one without steps
// for none.
func (f field) canary() *Canary {
	switch {
	case f.value == nil:
		return nil
	case f.isNone():
		return &Canary{}
	}
	x := f.mapping("steps", "pause", "max_error_rate", "max_p95", "min_requests")
	c := Canary{
		Steps:  x["steps"].steps(),
		Pause:  x["pause"].duration(time.Millisecond, DefaultCanaryPause),
		Limits: x.limits(),
	}
	if _, ok := f.value.(map[string]any); ok && x["steps"].isEmpty() {
		f.complain("%s has no steps; add how many percent of the requests the new release gets, one after the other, such as steps: [5, 25, 100]", f.name())
	}
	return &c
}

// steps reads percentages that rise. The last is 100, whether it is said or not.
func (f field) steps() []int {
	const all = 100
	var steps []int
	for _, item := range f.texts() {
		step := item.percent()
		if n := len(steps); step != 0 && n > 0 && step <= steps[n-1] {
			item.complain("%s has %d after %d; let the steps rise, such as [5, 25, 100]", f.name(), step, steps[n-1])
		}
		steps = append(steps, step)
	}
	if n := len(steps); n > 0 && steps[n-1] != all {
		steps = append(steps, all)
	}
	return steps
}

// isEmpty tells whether nothing, or a list of nothing, is said.
func (f field) isEmpty() bool {
	list, ok := f.value.([]any)
	return f.value == nil || ok && len(list) == 0
}

// limits reads what the new release may do to its users.
func (x fields) limits() Limits {
	l := Limits{
		ErrorRate: x["max_error_rate"].rate(),
		P95:       x["max_p95"].measured(),
		Requests:  x["min_requests"].number(0, maxRequests, DefaultMinRequests),
	}
	if x["max_error_rate"].value != nil || x["max_p95"].value != nil {
		return l
	}
	if least := x["min_requests"]; least.value != nil {
		least.complain("%s counts for max_error_rate and max_p95 only, and there is neither; add one, or take it out", least.name())
	}
	l.Requests = 0
	return l
}

// measured reads a time that answers may take; 0 where there is none.
func (f field) measured() time.Duration {
	d := f.duration(time.Millisecond, 0)
	if d > catalog.MaxMeasured {
		f.complain("%s is %s; it can be at most %s, as routers do not tell longer times apart", f.name(), d, catalog.MaxMeasured)
	}
	return d
}

// rate reads a percentage of the requests as a number from 0 to 1; nil where there
// is none. It must have its sign, as 0.01 could mean either.
func (f field) rate() *float64 {
	if f.value == nil {
		return nil
	}
	text, signed := strings.CutSuffix(f.text(), "%")
	percent, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if !signed || err != nil || !(percent >= 0 && percent <= 100) { // no NaN either
		f.wants("a percentage from 0% to 100%, such as 1% or 0.5%")
		return nil
	}
	rate := percent / 100
	return &rate
}

// bake reads the watch after the flip: nil where nothing is said, one of no length
// for none.
func (f field) bake() *Bake {
	switch {
	case f.value == nil:
		return nil
	case f.isNone():
		return &Bake{}
	}
	x := f.mapping("for", "max_error_rate", "max_p95", "min_requests")
	return &Bake{For: x["for"].duration(time.Millisecond, DefaultBake), Limits: x.limits()}
}
