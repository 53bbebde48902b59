package router

import (
	"fmt"
	"strings"
	"time"

	"teal/catalog"
)

// policyView is the limits and times that are in force for a service, and how
// far they are used. Times are in milliseconds.
type policyView struct {
	ConnectMS     int64                 `json:"connect_timeout_ms"`
	FirstByteMS   int64                 `json:"timeout_ms"`
	WholeMS       int64                 `json:"request_timeout_ms,omitempty"`
	DrainMS       int64                 `json:"drain_ms"`
	MaxBody       int64                 `json:"max_body_bytes,omitempty"`
	MaxInFlight   int                   `json:"max_in_flight,omitempty"`
	MaxQueue      int                   `json:"max_queue,omitempty"`
	QueueMS       int64                 `json:"queue_ms,omitempty"`
	InFlight      int                   `json:"in_flight,omitempty"` // of MaxInFlight
	Waiting       int                   `json:"waiting,omitempty"`   // of MaxQueue
	Attempts      int                   `json:"attempts"`            // on different instances
	BudgetPercent int                   `json:"retry_budget_percent"`
	Balance       catalog.Balance       `json:"balance"`
	Warning       catalog.WarningPolicy `json:"warning"`
	SlowStartMS   int64                 `json:"slow_start_ms,omitempty"`
}

// policyOf shows a policy.
func (v viewer) policyOf(s *catalog.Service, p *policy) *policyView {
	view := &policyView{
		ConnectMS: p.connect.Milliseconds(), FirstByteMS: p.firstByte.Milliseconds(), WholeMS: p.whole.Milliseconds(),
		DrainMS: p.drain.Milliseconds(), MaxBody: p.maxBody, MaxInFlight: p.maxInFlight,
		Attempts: p.attempts, BudgetPercent: p.budget, Balance: catalog.LeastInFlight, Warning: catalog.WarningLast,
		SlowStartMS: p.slowStart.Milliseconds(),
	}
	if p.balance == catalog.RoundRobin {
		view.Balance = p.balance
	}
	if w := s.Config.Warning; w == catalog.WarningNever || w == catalog.WarningEqual {
		view.Warning = w
	}
	if p.maxInFlight > 0 {
		view.MaxQueue, view.QueueMS = p.maxQueue, p.queueWait.Milliseconds()
		view.InFlight, view.Waiting = v.ledger.limited(p)
	}
	return view
}

// words is the policy in sentences.
func (v *policyView) words() string {
	ms := func(n int64) string { return (time.Duration(n) * time.Millisecond).String() }
	parts := []string{"a connection within " + ms(v.ConnectMS), "the first byte within " + ms(v.FirstByteMS)}
	if v.WholeMS > 0 {
		parts = append(parts, "the whole request within "+ms(v.WholeMS))
	}
	if v.MaxBody > 0 {
		parts = append(parts, fmt.Sprintf("a body of at most %d bytes", v.MaxBody))
	}
	if v.MaxInFlight > 0 {
		parts = append(parts, fmt.Sprintf("%d of at most %d requests under way, %d of at most %d waiting for up to %s",
			v.InFlight, v.MaxInFlight, v.Waiting, v.MaxQueue, ms(v.QueueMS)))
	}
	parts = append(parts, fmt.Sprintf("up to %d attempts, and %d %% retries", v.Attempts, v.BudgetPercent))
	return "Limits: " + strings.Join(parts, "; ") + "."
}
