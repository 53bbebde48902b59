package demo

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

	"teal/dev/sample"
)

// Load is steady traffic on one URL from several connections. It counts as
// failed whatever is not a proper answer of a release that may answer then.
type Load struct {
	url     string
	client  *http.Client
	workers int
	pause   time.Duration // of a worker between two requests

	mu       sync.Mutex
	requests int
	failed   int
	first    string // what the first failure was
	releases map[string]int
	live     map[string]bool // the releases that may answer now
}

// NewLoad makes traffic of about perSecond requests on url. Connections go to
// addr, whatever the URL's host, so that no name needs to resolve.
func NewLoad(url, addr string, workers, perSecond int) *Load {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	transport := &http.Transport{
		MaxIdleConnsPerHost: workers,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		},
	}
	return &Load{
		url: url, workers: workers, pause: time.Second * time.Duration(workers) / time.Duration(perSecond),
		client:   &http.Client{Transport: transport, Timeout: 10 * time.Second},
		releases: map[string]int{}, live: map[string]bool{},
	}
}

// Run sends requests until ctx ends. Requests under way then are finished and
// counted.
func (l *Load) Run(ctx context.Context) {
	var workers sync.WaitGroup
	for range l.workers {
		workers.Go(func() { l.work(ctx) })
	}
	workers.Wait()
	l.client.CloseIdleConnections()
}

func (l *Load) work(ctx context.Context) {
	tick := time.NewTicker(l.pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			release, err := l.request(context.WithoutCancel(ctx))
			l.count(release, err)
		}
	}
}

func (l *Load) request(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return "", err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer sample.Answer
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("answer %s (%w)", resp.Status, err)
	}
	return answer.Release, nil
}

func (l *Load) count(release string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	if err == nil && !l.live[release] {
		err = fmt.Errorf("release %s answered, which was not live", release)
	}
	if err == nil {
		l.releases[release]++
		return
	}
	l.failed++
	if l.first == "" {
		l.first = err.Error()
	}
}

// Expect says which releases may answer from now on.
func (l *Load) Expect(releases ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.live)
	for _, r := range releases {
		l.live[r] = true
	}
}

// Tally is what a load has seen so far.
type Tally struct {
	Requests, Failed int
	First            string // the first failure
	Releases         map[string]int
}

// Tally may be called at any time.
func (l *Load) Tally() Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Tally{l.requests, l.failed, l.first, maps.Clone(l.releases)}
}

// String is the tally on one line.
func (t Tally) String() string {
	s := fmt.Sprintf("%d requests, %d failed", t.Requests, t.Failed)
	for _, r := range slices.Sorted(maps.Keys(t.Releases)) {
		s += fmt.Sprintf(", %d by %s", t.Releases[r], r)
	}
	return s
}
