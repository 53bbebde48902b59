//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul/consultest"
)

const (
	waveRouters = 4
	waveFlips   = 200
)

// fleetOf is a world with several routers on one Consul, and a service in front of
// which they are.
type fleetOf struct {
	*world
	t       *testing.T
	daemons []*daemon
	proxies []string // host:port
	admins  []string // URLs
	made    int      // instances
}

// newFleet starts routers, with wave live on blue.
func newFleet(t *testing.T, routers int) (f *fleetOf, blue []*doomed) {
	t.Helper()
	f = &fleetOf{world: &world{consul: consultest.Start(t)}, t: t}
	blue = f.raise(catalog.Blue)
	f.put(t, catalog.NewKeys("").Alias(wave, production), "blue-production")
	for n := range routers {
		proxy, admin := freeAddr(t), freeAddr(t)
		f.daemons = append(f.daemons, f.start(t, "", "router", "--listen", proxy, "--admin", admin, "--advertise", "127.0.0.1", "--id", fmt.Sprint("r", n+1)))
		f.proxies, f.admins = append(f.proxies, proxy), append(f.admins, "http://"+admin)
	}
	f.knows("blue-production", blue)
	return f, blue
}

// raise starts two instances of a colour.
func (f *fleetOf) raise(colour catalog.Colour) []*doomed {
	f.t.Helper()
	var list []*doomed
	for range 2 {
		f.made++
		list = append(list, newDoomed(f.t, f.world, colour, f.made))
	}
	return list
}

// knows waits until every router would send the requests of a target to these
// instances and no other.
func (f *fleetOf) knows(target string, instances []*doomed) {
	f.t.Helper()
	var want []string
	for _, d := range instances {
		want = append(want, d.id)
	}
	slices.Sort(want)
	for _, admin := range f.admins {
		require.Eventually(f.t, func() bool { return slices.Equal(want, routedBy(admin, target)) }, patience, time.Millisecond, "%s does not know %v", admin, want)
	}
}

// routedBy are the ids of the instances of a target that a router routes to.
func routedBy(admin, target string) []string {
	res, err := http.Get(admin + "/v1/services/" + wave + "/targets/" + target)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	var view struct {
		Instances []struct {
			ID     string
			Routed bool
		}
	}
	_ = json.NewDecoder(res.Body).Decode(&view)
	var ids []string
	for _, i := range view.Instances {
		if i.Routed {
			ids = append(ids, i.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// seen is what a flip that waits answers.
type seen struct {
	Applied bool
	Drained bool
	Message string
	Notes   []string
	Routers []struct {
		ID       string
		Behind   bool
		InFlight map[string]int `json:"in_flight"`
		Error    string
	}
}

// flipThrough flips through one router's admin API.
func (f *fleetOf) flipThrough(router int, target, query string) (int, seen) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPut, f.admins[router]+"/v1/services/"+wave+"/aliases/"+production+query, strings.NewReader(target))
	require.NoError(f.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(f.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(f.t, err)
	var answer seen
	require.NoError(f.t, json.Unmarshal(text, &answer), "%s", text)
	if res.StatusCode >= http.StatusBadRequest {
		answer.Message = string(text)
	}
	return res.StatusCode, answer
}

// ask sends wave a request through a router, and tells what is wrong with the
// answer.
func (f *fleetOf) ask(client *http.Client, router int, method, path string) error {
	req, err := http.NewRequest(method, "http://"+f.proxies[router]+path, strings.NewReader("body"))
	if err != nil {
		return err
	}
	req.Host = wave + ".localhost"
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !bytes.HasSuffix(text, []byte(fullStop)) {
		return fmt.Errorf("%s %s through %s: %s %q: %v", method, path, f.proxies[router], res.Status, text, err)
	}
	return nil
}

// barrage is load on all routers.
type barrage struct {
	sent, failed atomic.Int64
	stop         func()
}

// fire keeps all routers under load, over connections that are kept and over new
// ones. A POST is not sent twice, so one that is cut off shows.
func (f *fleetOf) fire() *barrage {
	b := &barrage{}
	over := make(chan struct{})
	var clients sync.WaitGroup
	for n := range 6 * waveRouters {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: n%6 >= 4}, Timeout: patience}
		clients.Go(func() {
			defer client.CloseIdleConnections()
			for turn := n; ; turn++ {
				select {
				case <-over:
					return
				default:
				}
				method, path := http.MethodGet, "/"
				switch turn % 3 {
				case 1:
					method = http.MethodPost
				case 2:
					path = "/stream"
				}
				b.sent.Add(1)
				if err := f.ask(client, n/6, method, path); err != nil && b.failed.Add(1) < 10 {
					f.t.Error(err)
				}
			}
		})
	}
	b.stop = sync.OnceFunc(func() {
		close(over)
		clients.Wait()
	})
	f.t.Cleanup(b.stop)
	return b
}

var retriesLine = regexp.MustCompile(`(?m)^teal_retries_total\{.*\} ([1-9].*)$`)

// TestDrainedIsNeverEarly flips to and fro under load on four routers and, the
// moment the flip says that the old target is drained, kills what was there.
func TestDrainedIsNeverEarly(t *testing.T) {
	f, old := newFleet(t, waveRouters)
	live := catalog.Blue
	load := f.fire()
	var took []time.Duration
	for n := range waveFlips {
		live = live.Other()
		fresh := f.raise(live)
		f.knows(string(live)+"-production", fresh)
		began := time.Now()
		status, answer := f.flipThrough(n%waveRouters, string(live)+"-production", "?wait=drained")
		for _, d := range old {
			d.kill()
		}
		took = append(took, time.Since(began))
		require.Equal(t, http.StatusOK, status, answer.Message)
		require.True(t, answer.Applied && answer.Drained)
		require.Len(t, answer.Routers, waveRouters)
		require.Empty(t, answer.Notes)
		for _, d := range old {
			d.bury(t, f.world)
		}
		old = fresh
		require.Zero(t, load.failed.Load(), "at flip %d", n+1)
	}
	load.stop()
	require.Zero(t, load.failed.Load())
	for _, admin := range f.admins {
		require.Empty(t, retriesLine.FindString(text(t, admin+"/metrics")), "no request may even have had to try again")
	}
	slices.Sort(took)
	t.Logf("%d requests during %d flips; flip and drain took %s (median), %s (p95), %s (most)", load.sent.Load(), len(took),
		took[len(took)/2].Round(time.Millisecond/10), took[len(took)*95/100].Round(time.Millisecond/10), took[len(took)-1].Round(time.Millisecond/10))
}

func text(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}

// A request that is held at the old target, in another router than the one that
// is asked, keeps the answer back.
func TestDrainedWaitsForASlowRequest(t *testing.T) {
	f, blue := newFleet(t, 2)
	green := f.raise(catalog.Green)
	f.knows("green-production", green)
	slow := make(chan error, 1)
	go func() { slow <- f.ask(http.DefaultClient, 1, http.MethodGet, "/hold") }()
	inFlight := func() bool {
		return strings.Contains(text(t, f.admins[1]+"/v1/services/"+wave+"/targets/blue-production"), `"in_flight": 1`)
	}
	require.Eventually(t, inFlight, patience, 5*time.Millisecond)

	status, answer := f.flipThrough(0, "green-production", "?wait=drained&timeout=5s")
	require.Equal(t, http.StatusAccepted, status)
	require.True(t, answer.Applied)
	require.False(t, answer.Drained)
	require.Len(t, answer.Routers, 2)
	require.Equal(t, map[string]int{"blue-production": 1}, answer.Routers[1].InFlight)
	require.Contains(t, answer.Message, "1 requests are still under way")

	var ended atomic.Bool
	release := time.AfterFunc(300*time.Millisecond, func() {
		ended.Store(true)
		for _, d := range blue {
			close(d.hold)
		}
	})
	defer release.Stop()
	status, answer = f.flipThrough(0, "green-production", "?wait=drained")
	require.Equal(t, http.StatusOK, status, answer.Message)
	require.True(t, ended.Load(), "not before the request was let go")
	require.NoError(t, <-slow)
}

// A router that dies is behind until Consul ends its session.
func TestDrainedWaitsForTheRecordOfADeadRouter(t *testing.T) {
	f, _ := newFleet(t, 2)
	green := f.raise(catalog.Green)
	f.knows("green-production", green)
	f.daemons[1].end(syscall.SIGKILL)
	status, answer := f.flipThrough(0, "green-production", "?wait=drained&timeout=3s")
	require.Equal(t, http.StatusAccepted, status)
	require.False(t, answer.Applied)
	require.Len(t, answer.Routers, 2)
	require.True(t, answer.Routers[1].Behind)
	require.Contains(t, answer.Message, "router r2 does not tell")
	status, answer = f.flipThrough(0, "green-production", "?wait=drained&timeout=40s")
	require.Equal(t, http.StatusOK, status, answer.Message)
	require.Len(t, answer.Routers, 1)
}
