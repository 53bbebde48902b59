package servicefile

import (
	"encoding/hex"
	"math"
	"strings"

	"teal/catalog"
)

// traffic reads how requests to the service are to be treated. What is left out
// is left to the routers' defaults.
func (f field) traffic() catalog.Traffic {
	x := f.mapping("timeouts", "max_body", "max_in_flight", "queue", "balance", "warning", "slow_start",
		"retry", "sticky", "preview_token_sha256", "tls", "maintenance_page")
	t := catalog.Traffic{
		MaxBody:         x["max_body"].size(),
		MaxInFlight:     x["max_in_flight"].number(1, math.MaxInt32, 0),
		Balance:         choice(x["balance"], catalog.LeastInFlight, catalog.RoundRobin),
		Warning:         choice(x["warning"], catalog.WarningLast, catalog.WarningNever, catalog.WarningEqual),
		SlowStartMS:     x["slow_start"].milliseconds(),
		Retry:           x["retry"].retry(),
		Sticky:          x["sticky"].sticky(),
		PreviewToken:    x["preview_token_sha256"].sha256(),
		TLS:             x["tls"].upstreamTLS(),
		MaintenancePage: x["maintenance_page"].page(),
	}
	x["timeouts"].timeouts(&t)
	x["queue"].queue(&t, x["max_in_flight"])
	return t
}

func (f field) timeouts(t *catalog.Traffic) {
	x := f.mapping("connect", "first_byte", "request", "drain")
	t.ConnectTimeoutMS, t.TimeoutMS = x["connect"].milliseconds(), x["first_byte"].milliseconds()
	t.RequestTimeoutMS, t.DrainMS = x["request"].milliseconds(), x["drain"].milliseconds()
	if t.RequestTimeoutMS > 0 && t.TimeoutMS > t.RequestTimeoutMS {
		x["first_byte"].complain("%s is more than the whole request may take; make it at most %s", x["first_byte"].name(), x["request"].name())
	}
}

// queue reads who may wait beyond the requests in flight.
func (f field) queue(t *catalog.Traffic, inFlight field) {
	x := f.mapping("length", "wait")
	t.MaxQueue, t.QueueMS = x["length"].number(1, math.MaxInt32, 0), x["wait"].milliseconds()
	switch {
	case f.value != nil && inFlight.value == nil:
		f.complain("%s says nothing without a limit to wait for; set %s too", f.name(), inFlight.name())
	case x["wait"].value != nil && x["length"].value == nil:
		x["wait"].complain("%s has no length, so nobody waits; set it to how many requests may", f.name())
	}
}

func (f field) retry() *catalog.Retry {
	x := f.mapping("attempts", "budget")
	r := catalog.Retry{Attempts: x["attempts"].number(1, catalog.MaxAttempts, 0), BudgetPercent: x["budget"].percent()}
	if r == (catalog.Retry{}) {
		return nil
	}
	return &r
}

func (f field) sticky() *catalog.Sticky {
	x := f.mapping("by", "name")
	s := catalog.Sticky{By: choice(x["by"], catalog.StickyCookie, catalog.StickyHeader, catalog.StickyClient, catalog.StickyNone)}
	switch s.By {
	case catalog.StickyHeader:
		s.Name = x["name"].token("header")
		if x["name"].text() == "" {
			f.complain("%s is by header and names none; add the name of the header that tells clients apart", f.name())
		}
	case catalog.StickyClient, catalog.StickyNone:
		if x["name"].value != nil {
			x["name"].complain("%s says nothing where clients are not told apart by a cookie or header; take it out", x["name"].name())
		}
	default:
		s.Name = x["name"].token("cookie")
	}
	if s == (catalog.Sticky{}) {
		return nil
	}
	return &s
}

// sha256 reads a digest. What it was given instead may be the secret itself, and
// is not repeated.
func (f field) sha256() string {
	if f.value == nil {
		return ""
	}
	text, _ := f.value.(string)
	digest := strings.ToLower(strings.TrimSpace(text))
	if b, err := hex.DecodeString(digest); err != nil || len(b) != 32 {
		f.complain("%s is not a SHA-256 of 64 hexadecimal digits; write what `printf %%s \"$TOKEN\" | sha256sum` says", f.name())
		return ""
	}
	return digest
}

func (f field) upstreamTLS() *catalog.UpstreamTLS {
	x := f.mapping("server_name", "ca", "skip_verify")
	t := catalog.UpstreamTLS{ServerName: x["server_name"].text(), CA: x["ca"].authority(), SkipVerify: x["skip_verify"].flag(false)}
	if t.ServerName != "" && !isServerName(t.ServerName) {
		x["server_name"].complain("%s is %q, which is no host name; write the one in the instances' certificates", x["server_name"].name(), t.ServerName)
	}
	if t.SkipVerify && x["ca"].value != nil {
		x["skip_verify"].complain("%s would believe anybody, whatever the ca says; keep one of the two", x["skip_verify"].name())
	}
	if t == (catalog.UpstreamTLS{}) {
		return nil
	}
	return &t
}

// protocol reads what the routed part speaks.
func (f field) protocol() string {
	return choice(f, catalog.ProtocolHTTP, catalog.ProtocolH2C, catalog.ProtocolGRPC, catalog.ProtocolHTTPS, catalog.ProtocolTCP)
}
