package router

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The causes with which a request is given up.
var (
	errFirstByte = errors.New("the first byte of the answer took too long")
	errWhole     = errors.New("the request took too long")
)

// flight is one request on its way through netEngine.
type flight struct {
	claim       *Claim
	policy      *policy                 // of the service
	service     string                  // its name
	client      context.Context         // ends when the client goes away
	cancel      context.CancelCauseFunc // gives the request up
	clock       clock                   // runs until the answer begins
	class       Class
	uploadBroke atomic.Bool // the client's body could not be read to its end
	tooLarge    atomic.Bool // or was larger than it may be
	forget      func()      // takes the answer off the streams that may have to leave
}

type flightKey struct{}

func flightOf(r *http.Request) *flight { return r.Context().Value(flightKey{}).(*flight) }

func newFlight(c *Claim, client context.Context, cancel context.CancelCauseFunc) *flight {
	return &flight{
		claim: c, policy: c.pool.policy, service: c.pool.service,
		client: client, cancel: cancel, class: ClassGone, forget: func() {},
	}
}

// limited is the client's body, up to what the service takes.
func (f *flight) limited(body io.ReadCloser) io.Reader {
	if f.policy.maxBody == 0 {
		return body
	}
	return http.MaxBytesReader(nil, body, f.policy.maxBody)
}

// begun notes the beginning of an answer, and follows it to its end.
func (f *flight) begun(res *http.Response) {
	f.claim.Status = res.StatusCode
	f.claim.mark(res.Header)
	f.forget = f.follow(res)
	if res.StatusCode != http.StatusSwitchingProtocols {
		res.Body = &download{ReadCloser: res.Body, flight: f}
	}
}

// landed notes how the request ended, when its answer was sent to the end.
func (f *flight) landed() {
	f.class = ClassGone
	status := f.claim.Status
	if status > 0 && (f.client.Err() == nil || status == http.StatusSwitchingProtocols) {
		f.class = ClassOf(status)
	}
}

// clock calls somebody when an answer has not begun in time. It can be paused.
type clock struct {
	limit time.Duration

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
	expired bool
}

func (c *clock) start(limit time.Duration, expire func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = limit
	c.timer = time.AfterFunc(limit, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.stopped {
			c.expired = true
			expire()
		}
	})
}

func (c *clock) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer.Stop()
}

// resume begins anew with the whole limit.
func (c *clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		c.timer.Reset(c.limit)
	}
}

// stop is for good. It is false when the time was over.
func (c *clock) stop() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	c.timer.Stop()
	return !c.expired
}

// upload is the client's body on its way to an instance. It stays open when the
// transport closes it, as a second attempt may read it; ReverseProxy closes what
// lies below. While the client is slow the clock stands still: the instance
// can't answer what it has not got.
type upload struct {
	body   io.Reader
	flight *flight
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	u.flight.clock.pause()
	n, err := u.body.Read(p)
	u.flight.clock.resume()
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &limit):
		u.flight.tooLarge.Store(true)
	case err != nil && !errors.Is(err, io.EOF):
		u.flight.uploadBroke.Store(true)
	}
	return n, err
}

// Close implements io.Closer.
func (u *upload) Close() error { return nil }

// download is an instance's body on its way to the client. It tells an instance
// that broke off from a client that went away.
type download struct {
	io.ReadCloser
	flight *flight
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	d.flight.claim.Sent += int64(n)
	if err != nil && !errors.Is(err, io.EOF) && d.flight.client.Err() == nil {
		d.flight.class = ClassBroken
	}
	return n, err
}
