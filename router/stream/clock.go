package stream

import "time"

// Clock is the time that streams live by. The zero value is the real one; tests
// give their own.
type Clock struct {
	Now func() time.Time
	// AfterFunc calls f in a goroutine of its own once d has passed. stop prevents
	// that, if it has not happened yet.
	AfterFunc func(d time.Duration, f func()) (stop func() bool)
}

func (c Clock) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c Clock) afterFunc(d time.Duration, f func()) (stop func() bool) {
	if c.AfterFunc == nil {
		return time.AfterFunc(d, f).Stop
	}
	return c.AfterFunc(d, f)
}
