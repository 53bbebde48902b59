//go:build integration

package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"
)

// What a deployment to three hosts with two replicas each takes beside the work of
// others: the time from the start of the command to its end, less
//
//   - the time in which at least one engine creates or starts a container for it,
//   - from the last start until Consul has all instances as passing: the service
//     itself, the registrator and the checks,
//   - the settled time that the file asks for.
//
// Nothing is taken off for a drain, as there are no requests, nor for what else the
// engines do. Stopping what the target held before, which from the third deployment
// on is there, is told apart. Nothing is asserted but that it can be measured: the
// figures are for reading, on a machine that does nothing else.
func TestFleetOverhead(t *testing.T) {
	w := newFleetWorld(t)
	w.images(t, first, second)
	var engines []*timedEngine
	var o shopFileOptions
	for _, h := range w.hosts {
		e := newTimedEngine(t, h)
		engines = append(engines, e)
		o.hosts = append(o.hosts, e.endpoint)
	}
	s := w.newShop(t, shop+"-overhead", o)
	var own, bare, cpu spans
	for n := range times(3, 10) {
		m := s.measure([]string{first, second}[n%2], engines)
		t.Logf("deployment %d: %s", n+1, m)
		for _, what := range engineWork(engines) {
			t.Logf("  engines: %s", what)
		}
		s.logSteps()
		own, bare, cpu = append(own, m.own()), append(bare, m.bare()), append(cpu, m.cpu)
		require.Positive(t, m.own())
	}
	t.Logf("overhead: %s", own)
	t.Logf("  less stopping what was there before: %s", bare)
	t.Logf("processor time of the command: %s", cpu)
}

// settledTime is what the fleet's service files ask for.
const settledTime = time.Second

// outlay is where the time of a deployment went.
type outlay struct {
	took    time.Duration // of the command
	start   time.Duration // engines create and start containers
	passing time.Duration // from the last start until all instances pass
	stop    time.Duration // engines stop what was there before, and start nothing
	cpu     time.Duration // of the command
}

// own is what is left, and bare that without the stopping of containers, which
// takes an engine as long as starting them.
func (m outlay) own() time.Duration  { return m.took - m.start - m.passing - settledTime }
func (m outlay) bare() time.Duration { return m.own() - m.stop }

func (m outlay) String() string {
	ms := time.Millisecond
	return fmt.Sprintf("%s in all, %s to start containers, %s until they passed, %s settled; overhead %s, of which %s to stop containers; processor %s",
		m.took.Round(ms), m.start.Round(ms), m.passing.Round(ms), settledTime, m.own().Round(ms), m.stop.Round(ms), m.cpu.Round(ms))
}

// measure deploys a release.
func (s *fleetShop) measure(release string, engines []*timedEngine) outlay {
	s.t.Helper()
	for _, e := range engines {
		e.forget()
	}
	passed := s.awaitPassed()
	began := time.Now()
	c := s.begin(release)
	r := c.wait(s.t, ending)
	ended := time.Now()
	require.Zero(s.t, r.code, r.out)
	var starts, stops []span
	for _, e := range engines {
		starts = append(starts, e.spans("POST containers create", "POST containers start")...)
		stops = append(stops, e.spans("POST containers stop")...)
	}
	last := slices.MaxFunc(starts, func(a, b span) int { return a.to.Compare(b.to) }).to
	return outlay{
		took: ended.Sub(began), start: covered(starts), passing: max(0, (<-passed).Sub(last)),
		stop: covered(slices.Concat(starts, stops)) - covered(starts),
		cpu:  c.ProcessState.UserTime() + c.ProcessState.SystemTime(),
	}
}

// awaitPassed answers when Consul has as many more instances as passing as a
// deployment brings. They are told from those before by their containers.
func (s *fleetShop) awaitPassed() <-chan time.Time {
	passed := make(chan time.Time, 1)
	old := s.whoPasses(s.t.Context(), 0).ids
	go func() {
		index := uint64(0)
		for s.t.Context().Err() == nil {
			now := s.whoPasses(s.t.Context(), index)
			index = now.index
			for id := range old {
				delete(now.ids, id)
			}
			if len(now.ids) == fleetSize*replicas {
				passed <- time.Now()
				return
			}
		}
	}()
	return passed
}

// found are the instances that pass, by their ids.
type found struct {
	ids   map[string]bool
	index uint64
}

func (s *fleetShop) whoPasses(ctx context.Context, index uint64) found {
	opt := (&api.QueryOptions{WaitIndex: index, WaitTime: 5 * time.Second}).WithContext(ctx)
	entries, meta, err := s.w.consul.Client().Health().Service(s.name, "", true, opt)
	if err != nil {
		return found{index: index}
	}
	f := found{ids: map[string]bool{}, index: meta.LastIndex}
	for _, e := range entries {
		f.ids[e.Service.Meta["container"]] = true
	}
	return f
}

// span is from when to when something was done.
type span struct{ from, to time.Time }

// covered is the time in which at least one of the spans was.
func covered(all []span) time.Duration {
	all = slices.SortedFunc(slices.Values(all), func(a, b span) int { return a.from.Compare(b.from) })
	var total time.Duration
	var until time.Time
	for _, s := range all {
		if s.from.Before(until) {
			s.from = until
		}
		if s.to.After(s.from) {
			total += s.to.Sub(s.from)
			until = s.to
		}
	}
	return total
}

// timedEngine is a way to a host's engine that notes how long each request takes.
type timedEngine struct {
	endpoint string

	mu    sync.Mutex
	calls map[string][]span // by what was asked
}

func newTimedEngine(t *testing.T, h *fleetHost) *timedEngine {
	t.Helper()
	to, err := url.Parse(strings.Replace(h.tcp(), "tcp://", "http://", 1))
	require.NoError(t, err)
	e := &timedEngine{calls: map[string][]span{}}
	way := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		began := time.Now()
		way.ServeHTTP(rw, r)
		e.note(r, span{began, time.Now()})
	}))
	t.Cleanup(server.Close)
	e.endpoint = strings.Replace(server.URL, "http://", "tcp://", 1)
	return e
}

// note keeps a request under its method and what it asks for.
func (e *timedEngine) note(r *http.Request, s span) {
	e.mu.Lock()
	defer e.mu.Unlock()
	what := r.Method + " " + kindOf(r.URL.Path)
	e.calls[what] = append(e.calls[what], s)
}

// kindOf is what a path asks an engine for, less the names and ids in it:
// "containers create", "containers stop", "images".
func kindOf(path string) string {
	words := strings.Split(strings.TrimPrefix(version.ReplaceAllString(path, ""), "/"), "/")
	if last := words[len(words)-1]; len(words) > 1 && isWord.MatchString(last) && words[0] != "distribution" {
		return words[0] + " " + last
	}
	return words[0]
}

var (
	version = regexp.MustCompile(`^/v[0-9.]+`)
	isWord  = regexp.MustCompile(`^(create|start|stop|rename|json|archive|connect|wait)$`)
)

// engineWork is how long the engines did what, for a person to read.
func engineWork(engines []*timedEngine) []string {
	all := map[string][]span{}
	for _, e := range engines {
		e.mu.Lock()
		for what, calls := range e.calls {
			all[what] = append(all[what], calls...)
		}
		e.mu.Unlock()
	}
	var lines []string
	for what, calls := range all {
		lines = append(lines, fmt.Sprintf("%s, %d times: %s", what, len(calls), covered(calls).Round(time.Millisecond)))
	}
	slices.Sort(lines)
	return lines
}

func (e *timedEngine) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.calls)
}

// spans are the requests of some kinds.
func (e *timedEngine) spans(kinds ...string) []span {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []span
	for _, kind := range kinds {
		all = append(all, e.calls[kind]...)
	}
	return all
}
