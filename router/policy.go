package router

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"teal/catalog"
)

// The defaults of how a service's requests are treated, where its configuration
// says nothing.
const (
	// DefaultTimeout is how long a service may take until the first byte of its
	// answer.
	DefaultTimeout = 60 * time.Second

	// DefaultConnectTimeout is how long an instance may take to take a connection.
	DefaultConnectTimeout = 2 * time.Second

	// DefaultDrain is how long a stream may stay on a target that is no longer live.
	DefaultDrain = 30 * time.Second

	// DefaultQueueWait is how long a request waits for its turn beyond MaxInFlight.
	DefaultQueueWait = time.Second

	// DefaultAttempts is how many instances a request is sent to. Those that take no
	// connection do not count.
	DefaultAttempts = 3

	// DefaultRetryBudget is the retries as a part of all requests, in percent.
	DefaultRetryBudget = 20
)

// policy is how requests to one service are treated. It is immutable once its
// table is published.
type policy struct {
	firstByte time.Duration // until the first byte of the answer
	connect   time.Duration // until an instance has taken the connection
	whole     time.Duration // the whole request; 0 for any
	drain     time.Duration // of streams on a target that is no longer live

	maxBody     int64 // 0 for any
	maxInFlight int   // 0 for any
	maxQueue    int
	queueWait   time.Duration

	balance   catalog.Balance
	slowStart time.Duration
	attempts  int
	budget    int // percent

	sticky catalog.Sticky
	token  *[sha256.Size]byte // of previews; nil for none
	tls    *upstreamTLS       // nil for the router's own
	page   string             // HTML, shown during maintenance

	tally *serviceTally // what lives on across tables; set before publication
}

// newPolicy reads a configuration. What can't be used is told as a problem, and
// the default stands in.
func newPolicy(c catalog.ServiceConfig, opt BuildOptions, problem func(subject, format string, args ...any)) *policy {
	p := &policy{
		firstByte: orElse(c.TimeoutMS, opt.Timeout), connect: orElse(c.ConnectTimeoutMS, DefaultConnectTimeout),
		whole: orElse(c.RequestTimeoutMS, 0), drain: orElse(c.DrainMS, DefaultDrain),
		maxBody: max(c.MaxBody, 0), maxInFlight: max(c.MaxInFlight, 0), maxQueue: max(c.MaxQueue, 0),
		queueWait: orElse(c.QueueMS, DefaultQueueWait), slowStart: orElse(c.SlowStartMS, 0),
		balance: c.Balance, attempts: DefaultAttempts, budget: DefaultRetryBudget, page: c.MaintenancePage,
	}
	switch c.Balance {
	case "", catalog.LeastInFlight, catalog.RoundRobin:
	default:
		problem("balance", "balance %q is neither %s nor %s, so %[2]s it is; correct it in the service file", c.Balance, catalog.LeastInFlight, catalog.RoundRobin)
	}
	switch c.Warning {
	case "", catalog.WarningLast, catalog.WarningNever, catalog.WarningEqual:
	default:
		problem("warning", "warning policy %q is none of last, never and equal, so last it is; correct it in the service file", c.Warning)
	}
	if r := c.Retry; r != nil {
		if r.Attempts > 0 {
			p.attempts = min(r.Attempts, catalog.MaxAttempts)
		}
		if r.BudgetPercent > 0 {
			p.budget = min(r.BudgetPercent, 100)
		}
	}
	p.readSticky(c.Sticky, problem)
	p.readToken(c.PreviewToken, problem)
	p.tls = newUpstreamTLS(c.TLS, problem)
	return p
}

// orElse is a configured time, and the default where there is none.
func orElse(ms int64, otherwise time.Duration) time.Duration {
	if ms <= 0 {
		return otherwise
	}
	return time.Duration(min(ms, catalog.MaxTrafficTime.Milliseconds())) * time.Millisecond
}

func (p *policy) readSticky(s *catalog.Sticky, problem func(string, string, ...any)) {
	if s == nil {
		return
	}
	switch {
	case s.By == catalog.StickyHeader && s.Name == "":
		problem("sticky", "sticky by header names no header, so a cookie is used; add its name in the service file")
	case (s.By == "" || s.By == catalog.StickyCookie) && s.Name != "" && (&http.Cookie{Name: s.Name}).Valid() != nil:
		problem("sticky", "no cookie can be called %q, so its name is the default; correct it in the service file", s.Name)
	case s.By == "", s.By == catalog.StickyCookie, s.By == catalog.StickyHeader, s.By == catalog.StickyClient, s.By == catalog.StickyNone:
		p.sticky = *s
	default:
		problem("sticky", "sticky by %q is none of cookie, header, client and none, so a cookie is used; correct it in the service file", s.By)
	}
}

func (p *policy) readToken(digest string, problem func(string, string, ...any)) {
	if digest == "" {
		return
	}
	var sum [sha256.Size]byte
	if n, err := hex.Decode(sum[:], []byte(digest)[:min(len(digest), 2*sha256.Size)]); err != nil || n != sha256.Size || len(digest) != 2*sha256.Size {
		problem("preview_token_sha256", "the preview token's digest is not the hex form of a SHA-256, so no token opens previews; write what `sha256sum` says of the token")
		return
	}
	p.token = &sum
}
