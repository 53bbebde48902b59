//go:build integration

package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// moment is when something happens to a deployment: when it has entered a state,
// or at random within a time from then on.
type moment struct {
	state  catalog.DeploymentState
	note   string // that the state was entered with; any when empty
	midst  string // what goes on then, for the name
	within time.Duration
	// reached is more than the state that the record must tell by then; nil for
	// nothing.
	reached func(catalog.Deployment) bool
	// file is what the service file says so that the state is entered.
	file shopFileOptions
	args []string // of `teal deploy`
	// gone is a deployer that has ended by itself when it is harmed.
	gone bool
	// back is a release that does not do well: it is taken back unless something
	// happens.
	back bool
	// rare is a moment that is tried only where TEAL_TEST_LONG asks for it.
	rare bool
}

func (m moment) String() string {
	s := string(m.state)
	for _, more := range []string{m.note, m.midst} {
		if more != "" {
			s += " at " + more
		}
	}
	if m.within > 0 {
		s += " and later"
	}
	return strings.NewReplacer(" ", "-", "-%", "%").Replace(s)
}

// What service files say so that a deployment goes through the states that not
// every one does.
var (
	tested = shopFileOptions{
		parts: []string{`job: {image: "${REGISTRY}/job:1.0.0"}`},
		teal: []string{
			"tasks: [{name: migrate, part: job, command: [/app, 2s], reversible: true, undo: [/app, 0s]}]",
			`smoke: [{path: /, body: "${RELEASE}"}]`,
		},
	}
	approving = shopFileOptions{production: []string{"approval: {within: 10m, then: abort}"}}
	sharing   = shopFileOptions{teal: []string{"canary: {steps: [5, 50], pause: 2s, max_error_rate: 5%, min_requests: 20}"}}
	watching  = shopFileOptions{teal: []string{"bake: {for: 5s, max_error_rate: 5%, min_requests: 20}"}}
	// No release is so fast: the watch over it ends with the way back.
	tooSlow = shopFileOptions{teal: []string{"bake: {for: 2m, max_p95: 1ms, min_requests: 20}"}}
)

// moments are all states that a deployment goes through, and the midst of those
// that last.
var moments = []moment{
	{state: catalog.Pending},
	{state: catalog.Locked},
	{state: catalog.Pulling},
	{state: catalog.Pulling, within: 200 * time.Millisecond, rare: true},
	{state: catalog.Starting, rare: true},
	{state: catalog.Starting, within: 3 * time.Second},
	{state: catalog.Checking},
	{state: catalog.Checking, within: 1500 * time.Millisecond, rare: true},
	{state: catalog.Testing, file: tested, rare: true},
	{state: catalog.Testing, midst: "a task", file: tested, reached: runsATask},
	{state: catalog.Testing, midst: "its smoke tests", file: tested, reached: hasRunTasks, rare: true},
	{state: catalog.AwaitingApproval, file: approving, args: []string{"--wait-approval"}},
	{state: catalog.AwaitingApproval, midst: "rest", file: approving, gone: true},
	{state: catalog.Flipping},
	{state: catalog.Flipping, within: 10 * time.Millisecond, rare: true},
	{state: catalog.Flipping, note: "5 % of the requests", file: sharing},
	{state: catalog.Flipping, note: "50 % of the requests", file: sharing},
	{state: catalog.Flipping, note: "50 % of the requests", within: 2 * time.Second, file: sharing, rare: true},
	{state: catalog.Draining},
	{state: catalog.Draining, within: 50 * time.Millisecond, rare: true},
	{state: catalog.Baking, file: watching},
	{state: catalog.Baking, within: 5 * time.Second, file: watching, rare: true},
	{state: catalog.RollingBack, file: tooSlow, back: true, rare: true},
	{state: catalog.RollingBack, within: 3 * time.Second, file: tooSlow, back: true},
}

func runsATask(record catalog.Deployment) bool { return len(record.Tasks) > 0 }

func hasRunTasks(record catalog.Deployment) bool {
	return len(record.Tasks) > 0 && !record.Tasks[0].Ended.IsZero()
}

// states are the moments that something else than the deployer's death is tried
// at: one in each state, while the deployer lives.
func states() []moment {
	return slices.DeleteFunc(slices.Clone(moments), func(m moment) bool {
		return m.gone || m.within > 0 && m.state != catalog.Starting || m.within == 0 && m.state == catalog.Starting ||
			m.state == catalog.Testing && m.midst != "a task"
	})
}

// only are the moments in some states.
func only(all []moment, states ...catalog.DeploymentState) []moment {
	return slices.DeleteFunc(slices.Clone(all), func(m moment) bool { return !slices.Contains(states, m.state) })
}

// thorough tells whether everything is to be tried, however long it takes.
func thorough() bool { return os.Getenv(longVariable) != "" }

// abreast is how many services are deployed side by side. Most of a trial is
// waiting for the lock of a dead deployer.
const abreast = 5

// harmLoad is how many requests a second each router gets for each of them: enough
// to meet every gap, and not so many that two cores do nothing else.
const harmLoad = 30

// trial is something that is done to a deployment at a moment.
type trial struct {
	name string // what happens
	at   moment
	run  func(t *testing.T, name string) // with the name of a service of its own
}

// abreast runs trials side by side.
func (w *fleetWorld) abreast(t *testing.T, all []trial) {
	var trials sync.WaitGroup
	turns := make(chan struct{}, abreast)
	for _, one := range all {
		if one.at.rare && !thorough() {
			continue
		}
		trials.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			t.Run(one.name+"/"+one.at.String(), func(t *testing.T) { one.run(t, fmt.Sprintf("%s-%d", shop, w.shops.Add(1))) })
		})
	}
	trials.Wait()
}

// harmed is a deployment that something was done to.
type harmed struct {
	*fleetShop
	at     moment
	began  time.Time
	record catalog.Deployment // as it was at the moment
	first  result             // how the harmed deployer ended
}

// harm deploys one release and then another under load. At the moment harm is
// done, which must not return before the deployer has ended.
func (s *fleetShop) harm(m moment, do func(deployer *command)) *harmed {
	s.t.Helper()
	h := &harmed{fleetShop: s, at: m, began: time.Now()}
	s.mustDeployFile(s.plain, first)
	l := s.startLoad(harmLoad)
	l.expect(first)
	l.settled(20)
	l.expect(first, second)

	known := s.deployments()
	deployer := s.begin(second, m.args...)
	if m.state == catalog.Pending {
		s.awaitLock(deployer)
	} else {
		h.record = s.awaitMoment(deployer, known, m)
	}
	if m.within > 0 {
		time.Sleep(rand.N(m.within))
	}
	if m.gone {
		require.Equal(s.t, exitAwaiting, deployer.wait(s.t, ending).code, deployer.said.String())
	}
	do(deployer)
	<-deployer.done
	h.first = result{deployer.ProcessState.ExitCode(), deployer.said.String()}
	last := "no record"
	for _, record := range s.deployments() {
		if !slices.ContainsFunc(known, func(k catalog.Deployment) bool { return k.ID == record.ID }) {
			last = string(record.State)
		}
	}
	s.t.Logf("harmed at %s, last recorded as %s; exit code %d; it said:\n%s", m, last, h.first.code, h.first.out)
	return h
}

// The exit codes that matter here.
const (
	exitDone       = 0
	exitUntouched  = 3
	exitRolledBack = 4
	exitAwaiting   = 7
)

// again is the next run, as a pipeline would start it: it waits for the lock of
// the dead, and ends well. Then all is sound.
func (h *harmed) again() {
	h.t.Helper()
	file := h.file
	if h.at.back {
		file = h.plain // a release that does well
	}
	next := h.deployFile(file, second, "--wait=60s")
	if h.at.state == catalog.AwaitingApproval && next.code == exitAwaiting {
		next = h.approveAndResume()
	}
	require.Equal(h.t, exitDone, next.code, next.out)
	h.isSound(second)
	h.figures(next)
}

// approveAndResume is what a person says and another job of the pipeline does.
func (h *harmed) approveAndResume() result {
	h.t.Helper()
	h.approve()
	return h.run([]string{"RELEASE=" + second}, "resume", "--file", h.file, "--environment", production, "--wait=60s")
}

func (s *fleetShop) approve() {
	s.t.Helper()
	said := s.w.run(s.t, nil, "approve", s.name, production)
	require.Zero(s.t, said.code, said.out)
}

// figures logs what came of it on one line.
func (h *harmed) figures(next result) {
	requests := 0
	for _, one := range h.load.loads {
		requests += one.Tally().Requests
	}
	count, _ := h.load.failed()
	h.t.Logf("figures: %s: %d requests, %d failed (%d with their host), first run ended with %d, next with %d, %.0f s",
		h.t.Name(), requests, count, h.load.forgiven, h.first.code, next.code, time.Since(h.began).Seconds())
}

// isSound holds that a release is live at full strength, that nothing else is
// left, and that not one request failed.
func (s *fleetShop) isSound(live string) {
	s.t.Helper()
	require.Equal(s.t, live, s.liveRelease())
	require.Eventually(s.t, func() bool { return s.passing(live) >= s.whole() }, patience, 100*time.Millisecond, "release %s is not whole", live)
	s.load.expect(live)
	s.load.settled(50)
	for _, record := range s.deployments() {
		require.True(s.t, record.State.Ended(), "deployment %s is %s", record.ID, record.State)
	}
	s.awaitNoLeftovers()
	s.load.end()
}

// awaitLock waits until a deployer has its lock. Its record need not be there.
func (s *fleetShop) awaitLock(deployer *command) {
	s.t.Helper()
	s.follow(deployer, "it has the lock", catalog.NewKeys("").Lock(s.name, production), func(pairs api.KVPairs) bool {
		return len(pairs) > 0 && pairs[0].Session != ""
	})
}

// awaitMoment waits until a deployment that is not among those known is at a
// moment, and answers its record as it was then.
func (s *fleetShop) awaitMoment(deployer *command, known []catalog.Deployment, m moment) (found catalog.Deployment) {
	s.t.Helper()
	old := map[string]bool{}
	for _, record := range known {
		old[record.ID] = true
	}
	s.follow(deployer, m.String(), catalog.NewKeys("").Deployments(s.name, production), func(pairs api.KVPairs) bool {
		for _, pair := range pairs {
			record, err := catalog.ParseDeployment(pair.Value)
			require.NoError(s.t, err)
			if !old[record.ID] && m.isReached(record) {
				found = record
				return true
			}
		}
		return false
	})
	return found
}

// follow watches keys until they are as they shall be. The deployer must not end
// before.
func (s *fleetShop) follow(deployer *command, what, keys string, is func(api.KVPairs) bool) {
	s.t.Helper()
	for index := uint64(0); ; {
		ended := hasEnded(deployer)
		pairs, meta, err := s.w.consul.Client().KV().List(keys, &api.QueryOptions{WaitIndex: index, WaitTime: time.Second})
		require.NoError(s.t, err)
		index = meta.LastIndex
		if is(pairs) {
			return
		}
		if ended {
			require.Fail(s.t, "the deployer ended before", "%s; it said:\n%s", what, deployer.said.String())
		}
	}
}

// service is the service file of a trial. One instance on each host will do.
func (m moment) service() shopFileOptions {
	o := m.file
	o.replicas = 1
	return o
}

func (m moment) isReached(record catalog.Deployment) bool {
	entered := slices.ContainsFunc(record.Timeline, func(at catalog.Moment) bool {
		return at.State == m.state && (m.note == "" || at.Note == m.note)
	})
	return entered && (m.reached == nil || m.reached(record))
}

func hasEnded(c *command) bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// deployment is the record with an id.
func (s *fleetShop) deployment(id string) catalog.Deployment {
	s.t.Helper()
	for _, record := range s.deployments() {
		if record.ID == id {
			return record
		}
	}
	require.Fail(s.t, "the record is gone", id)
	return catalog.Deployment{}
}
