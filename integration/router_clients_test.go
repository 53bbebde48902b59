//go:build integration

package integration

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Who asks in an outage: some clients that keep their connection, and some that
// open one for each request.
const (
	keepingClients = 12
	openingClients = 6
	clientPause    = 60 * time.Millisecond // between two requests of one client
)

// idempotent are methods that a router may repeat.
var idempotent = []string{http.MethodGet, http.MethodHead, http.MethodGet, http.MethodPut, http.MethodGet, http.MethodDelete, http.MethodGet, http.MethodOptions}

// clients ask all services without end, and never try twice.
type clients struct {
	balancer *balancer
	services []string

	mu       sync.Mutex
	requests int
	opened   int // connections
	failures []failure
	slowest  time.Duration
}

// failure is a request that failed.
type failure struct {
	at      time.Time // when it was sent
	took    time.Duration
	method  string
	service string
	router  string
	kept    bool // the connection had been used before
	what    string
}

// run asks until ctx ends, and finishes what is under way then.
func (c *clients) run(ctx context.Context) {
	var all sync.WaitGroup
	for n := range keepingClients + openingClients {
		all.Go(func() { c.work(ctx, n, n < keepingClients) })
	}
	all.Wait()
}

// work is one client.
func (c *clients) work(ctx context.Context, n int, keeps bool) {
	tick := time.NewTicker(clientPause)
	defer tick.Stop()
	var kept *line
	for round := n; ; round++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		kept = c.request(context.WithoutCancel(ctx), kept, n, idempotent[round/len(c.services)%len(idempotent)], c.services[round%len(c.services)])
		if kept != nil && !keeps {
			kept.close()
			kept = nil
		}
	}
}

// request sends one request, and answers the connection if that may be kept.
func (c *clients) request(ctx context.Context, kept *line, n int, method, service string) *line {
	f := failure{at: time.Now(), method: method, service: service, router: "-"}
	l, err := c.balancer.enter(ctx, kept, n)
	if err != nil {
		c.count(f, err)
		return nil
	}
	defer c.balancer.leave(l)
	f.kept, f.router = l == kept, l.router.addr
	r, err := l.ask(method, service)
	if err == nil {
		err = wrong(r, method, service)
	}
	c.count(f, err)
	if err != nil || r.last {
		l.close()
		return nil
	}
	return l
}

// wrong tells what is wrong with an answer.
func wrong(r reply, method, service string) error {
	switch {
	case r.status != http.StatusOK:
		return fmt.Errorf("answer %d, X-Teal-Error %q: %s", r.status, r.header.Get("X-Teal-Error"), strings.TrimSpace(r.body))
	case method != http.MethodHead && !strings.HasPrefix(r.body, service+"-"):
		return fmt.Errorf("%q answered", r.body)
	}
	return nil
}

func (c *clients) count(f failure, err error) {
	f.took = time.Since(f.at)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	if !f.kept {
		c.opened++
	}
	c.slowest = max(c.slowest, f.took)
	if err != nil {
		f.what = err.Error()
		c.failures = append(c.failures, f)
	}
}
