package router

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"teal/router/limit"
)

// serve sends one connection to the instance that key leads to, and returns when
// it has ended. It is counted in flight until then.
func (s *TCPServer) serve(ctx context.Context, client net.Conn, key string) {
	defer func() { _ = client.Close() }() // a pipe has closed it already
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer afterEnd(ctx, s.grace, end)()
	var c Claim
	if answer := s.router.dispatch.begin(work, &c, Ask{tcp: key, Peer: addressOfPeer(client)}); answer != nil {
		s.refuse(client, key, answer)
		return
	}
	class := Class5xx
	defer func() { c.Release(class) }()
	instance, err := c.dial(work)
	if err != nil {
		s.refuse(client, key, c.answerFor(http.StatusBadGateway, CodeRefused, "can't be reached: "+err.Error()))
		return
	}
	p := newPipe(client, instance, s.router.opt.TCPIdle)
	defer c.pool.tally.streams.Add(p)()
	defer afterEnd(ctx, leaveTime(s.grace), p.Leave)()
	class = p.run()
}

// refuse closes a connection, which can be told nothing. The counters tell why.
func (s *TCPServer) refuse(client net.Conn, key string, a *Answer) {
	if counter, ok := s.meters.answers[a.Code]; ok {
		counter.Inc()
	}
	s.router.log.Debug("a TCP connection was closed", "asked", key, "from", client.RemoteAddr().String(), "reason", a.Message)
}

// dial connects to the claimed instance, or to another one in its place: as
// nothing was sent yet, that is as good as the first.
func (c *Claim) dial(ctx context.Context) (net.Conn, error) {
	for {
		dialer := net.Dialer{Timeout: c.pool.policy.connect, KeepAlive: keepAlive}
		conn, err := dialer.DialContext(ctx, "tcp", c.Address)
		if err == nil {
			c.Reached()
			c.answers(time.Since(c.began), false)
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, err // the router ends; the instance is not to blame
		}
		c.Failed(limit.Refused)
		if !c.Again(ctx) {
			return nil, err
		}
	}
}

// leaveTime is when a connection leaves a router that ends: in the second half of
// its grace, each at another moment, and so early that it can do so politely.
func leaveTime(grace time.Duration) time.Duration {
	return grace/2 + rand.N(max(1, grace/2-leaveGrace))
}

// afterEnd calls f once a while has passed since the end of ctx, unless stop is
// called before.
func afterEnd(ctx context.Context, d time.Duration, f func()) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	stopped := false
	forget := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			timer = time.AfterFunc(d, f)
		}
	})
	return func() {
		forget()
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		if timer != nil {
			timer.Stop()
		}
	}
}
