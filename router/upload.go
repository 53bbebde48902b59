package router

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// maxKept is how much of a body is kept until the answer begins: that of nearly
// all calls of an API.
const maxKept = 16 << 10

// errNotKept is how a body ends that would have to be sent again from its start.
var errNotKept = errors.New("the body was too long to be kept")

// upload is the client's body on its way to an instance. Its beginning is kept,
// so that net/http can send it again where an instance has not taken the request:
// it had closed the connection, or refused the stream as it is being stopped (RFC
// 9113, section 8.7). While the client is slow the clock stands still: the
// instance can't answer what it has not got.
type upload struct {
	body   io.Reader
	flight *flight
	left   atomic.Int64 // bytes, -1 while that is not known

	mu      sync.Mutex // also while the body is read
	attempt int        // who may read
	read    int64
	kept    []byte // all that was read; nil once that is too much
	over    bool   // nothing more is kept
}

// limit lets the service have the client's body, up to what it takes.
func (f *flight) limit(req *http.Request) {
	if req.Body == nil {
		return
	}
	u := &upload{body: req.Body, flight: f, over: req.ContentLength > maxKept}
	u.left.Store(req.ContentLength)
	if f.policy.maxBody > 0 {
		u.body = http.MaxBytesReader(nil, req.Body, f.policy.maxBody)
	}
	f.upload, f.settles = u, req.ProtoMajor == 1
	req.Body, req.GetBody = &reading{upload: u}, u.again
}

// again is the body from its start, for another attempt. The one before reads no
// more.
func (u *upload) again() (io.ReadCloser, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over && u.read > 0 {
		return nil, errNotKept
	}
	u.attempt++
	return &reading{upload: u, attempt: u.attempt}, nil
}

// begun notes that an instance has taken the request, so that nothing more need
// be kept. It must not wait for a client that is slow.
func (u *upload) begun() {
	if !u.mu.TryLock() {
		return
	}
	defer u.mu.Unlock()
	u.over = true
	if u.attempt == 0 { // else what is kept may not be read yet
		u.kept = nil
	}
}

// readAt reads what an attempt has not: what is kept, or else what comes next.
func (u *upload) readAt(p []byte, attempt int, at int64) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case attempt != u.attempt:
		return 0, errNotKept
	case at < int64(len(u.kept)):
		return copy(p, u.kept[at:]), nil
	}
	u.flight.clock.pause()
	n, err := u.body.Read(p)
	u.flight.clock.resume()
	u.took(p[:n], err)
	return n, err
}

// took notes what was read of the client's body. u.mu is held.
func (u *upload) took(p []byte, err error) {
	u.read += int64(len(p))
	if u.over = u.over || u.read > maxKept; u.over {
		u.kept = nil // all that was kept has been read
	} else {
		u.kept = append(u.kept, p...)
	}
	if u.left.Load() > 0 {
		u.left.Add(-int64(len(p)))
	}
	var limit *http.MaxBytesError
	switch {
	case errors.Is(err, io.EOF):
		u.left.Store(0)
	case errors.As(err, &limit):
		u.flight.tooLarge.Store(true)
	case err != nil:
		u.flight.uploadBroke.Store(true)
	}
}

// reading is the body as one attempt reads it. It leaves the body open when the
// transport closes it; ReverseProxy closes what lies below.
type reading struct {
	upload  *upload
	attempt int
	at      int64
}

// Read implements io.Reader.
func (r *reading) Read(p []byte) (int, error) {
	n, err := r.upload.readAt(p, r.attempt, r.at)
	r.at += int64(n)
	return n, err
}

// Close implements io.Closer.
func (r *reading) Close() error { return nil }
