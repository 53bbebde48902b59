// Package load is steady traffic on a stable URI that watches whether anything
// goes wrong: a request that fails, or one that a release answers which had no
// business to.
package load

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options say what traffic to make.
type Options struct {
	URL       string
	Addr      string // where connections go, whatever the URL's host: no name needs to resolve
	Workers   int    // connections
	PerSecond int    // requests, over all workers
}

// Load is traffic and what came of it. Its methods may be called from any
// goroutine.
type Load struct {
	opt    Options
	client *http.Client

	mu    sync.Mutex
	tally Tally
	// live are the releases that might answer, one set for each Expect. A request
	// may be answered by any that was in a set between its start and its end.
	live []map[string]bool
}

// Tally is what a load has seen so far.
type Tally struct {
	Requests, Failed int
	First            string // the first failure
	Releases         map[string]int
}

// New is a load that sends nothing yet. Until Expect is called, any release may
// answer.
func New(opt Options) *Load {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	transport := &http.Transport{
		MaxIdleConnsPerHost: opt.Workers,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, opt.Addr)
		},
	}
	return &Load{
		opt: opt, client: &http.Client{Transport: transport, Timeout: 10 * time.Second},
		tally: Tally{Releases: map[string]int{}}, live: []map[string]bool{nil},
	}
}

// Run sends requests until ctx ends. Requests under way then are finished and
// counted.
func (l *Load) Run(ctx context.Context) {
	var workers sync.WaitGroup
	for range l.opt.Workers {
		workers.Go(func() { l.work(ctx) })
	}
	workers.Wait()
	l.client.CloseIdleConnections()
}

func (l *Load) work(ctx context.Context) {
	tick := time.NewTicker(time.Second * time.Duration(l.opt.Workers) / time.Duration(l.opt.PerSecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			since := l.epoch()
			release, err := l.request(context.WithoutCancel(ctx))
			l.count(since, release, err)
		}
	}
}

func (l *Load) request(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.opt.URL, nil)
	if err != nil {
		return "", err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("answer %s %s", resp.Status, resp.Header.Get("X-Teal-Error"))
	}
	var answer struct {
		Release string `json:"release"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return answer.Release, nil
}

func (l *Load) count(since int, release string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.Requests++
	if err == nil && !l.mayAnswer(since, release) {
		err = fmt.Errorf("release %q answered, which was not live", release)
	}
	if err == nil {
		l.tally.Releases[release]++
		return
	}
	l.tally.Failed++
	if l.tally.First == "" {
		l.tally.First = err.Error()
	}
}

// mayAnswer tells whether a release was expected at any time since an epoch.
func (l *Load) mayAnswer(since int, release string) bool {
	return slices.ContainsFunc(l.live[since:], func(set map[string]bool) bool { return set == nil || set[release] })
}

func (l *Load) epoch() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.live) - 1
}

// Expect says which releases may answer requests from now on.
func (l *Load) Expect(releases ...string) {
	set := map[string]bool{}
	for _, r := range releases {
		set[r] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live = append(l.live, set)
}

// Tally is what was seen so far.
func (l *Load) Tally() Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tally
	t.Releases = maps.Clone(t.Releases)
	return t
}

// String is the tally on one line.
func (t Tally) String() string {
	s := fmt.Sprintf("%d requests, %d failed", t.Requests, t.Failed)
	for _, r := range slices.Sorted(maps.Keys(t.Releases)) {
		s += fmt.Sprintf(", %d by %s", t.Releases[r], r)
	}
	return s
}
