package process

import (
	"strconv"
	"strings"
	"time"
)

// Docker's delays between restarts.
const (
	firstDelay = 100 * time.Millisecond
	lastDelay  = time.Minute
	goodRun    = 10 * time.Second // one that lasts this long starts the delays again
)

// restarts decides about the restarts of one run. The zero value has seen none.
type restarts struct {
	count int
	delay time.Duration
}

// next tells whether a process that has ended is to be started again under a
// policy, and after how long.
func (r *restarts) next(policy string, code int, lasted time.Duration) (time.Duration, bool) {
	name, limit, _ := strings.Cut(policy, ":")
	switch name {
	case "always", "unless-stopped":
	case "on-failure":
		most, err := strconv.Atoi(limit)
		if code == 0 || (err == nil && most > 0 && r.count >= most) {
			return 0, false
		}
	default:
		return 0, false
	}
	if lasted >= goodRun || r.delay == 0 {
		r.delay = firstDelay
	} else {
		r.delay = min(2*r.delay, lastDelay)
	}
	r.count++
	return r.delay, true
}
