package router

import (
	"net/http"
	"time"
)

// visit is one request from its first byte to its last, for those who watch.
type visit struct {
	claim  Claim   // zero where no instance was claimed
	answer *Answer // of Teal's own, nil where the service answered
	began  time.Time
	ended  time.Time
}

// status is what the client was told; 0 when it went away before.
func (v *visit) status() int {
	if v.answer != nil {
		return v.answer.Status
	}
	return v.claim.Status
}

// observer watches requests.
type observer interface {
	// begin may put something beside a request, and answers what to call at its
	// end. It is called before the request's header is read or changed.
	begin(r *http.Request) (*http.Request, func(*visit))
}

// observers watch each request in turn.
type observers []observer

// begin answers the request to go on with, and what to call at its end, the last
// observer first.
func (o observers) begin(r *http.Request) (*http.Request, func(*visit)) {
	var ends []func(*visit)
	for _, one := range o {
		var end func(*visit)
		r, end = one.begin(r)
		ends = append(ends, end)
	}
	began := time.Now()
	return r, func(v *visit) {
		v.began, v.ended = began, time.Now()
		for i := range ends {
			ends[len(ends)-1-i](v)
		}
	}
}
