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
	out         http.Header             // of the answer to the client, until it begins
	client      context.Context         // ends when the client goes away
	cancel      context.CancelCauseFunc // gives the request up
	clock       clock                   // runs until the answer begins
	class       Class
	upgrades    bool        // it asks for a WebSocket, which only HTTP/1.1 has
	upload      *upload     // the client's body; nil for none
	settles     bool        // the client speaks HTTP/1: see settle
	uploadBroke atomic.Bool // it could not be read to its end
	tooLarge    atomic.Bool // or was larger than it may be
	body        io.Closer   // of the answer; nil while there is none
	forget      func()      // takes the answer off the streams that may have to leave
}

type flightKey struct{}

func flightOf(r *http.Request) *flight { return r.Context().Value(flightKey{}).(*flight) }

func newFlight(c *Claim, out http.Header, client context.Context, cancel context.CancelCauseFunc) *flight {
	return &flight{
		claim: c, policy: c.pool.policy, service: c.pool.service, out: out,
		client: client, cancel: cancel, class: ClassGone, forget: func() {},
	}
}

// settle has the client's HTTP/1 connection closed after an answer that comes
// before the end of the client's body. net/http would read on and, as it was told
// that bodies may be read while answers are written, fall over its own feet. In
// HTTP/2 only the stream ends: the connection is that of other requests too.
func (f *flight) settle() {
	if f.settles && f.upload.left.Load() != 0 {
		f.out.Set("Connection", "close")
	}
}

// begun notes the beginning of an answer, and follows it to its end. What goes to
// the client beside the instance's own header is added only now: an interim
// answer (RFC 9110, section 15.2) would have taken it along.
func (f *flight) begun(res *http.Response) {
	f.settle()
	if f.upload != nil {
		f.upload.begun()
	}
	f.out["Content-Type"] = nil // none is made up where the service sends none
	if f.claim.Cookie != "" {
		f.out.Add("Set-Cookie", f.claim.Cookie)
	}
	f.claim.Status = res.StatusCode
	f.claim.answers(time.Since(f.claim.began), ClassOf(res.StatusCode) == Class5xx)
	f.claim.mark(res.Header)
	f.forget = f.follow(res)
	if res.StatusCode != http.StatusSwitchingProtocols {
		res.Body = &download{ReadCloser: res.Body, flight: f}
	}
	f.body = res.Body
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
