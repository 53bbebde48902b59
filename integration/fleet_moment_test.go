//go:build integration

package integration

import (
	"fmt"
	"math/rand/v2"
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
	within time.Duration
	// file is what the service file says so that the state is entered.
	file shopFileOptions
}

func (m moment) String() string {
	if m.within == 0 {
		return string(m.state)
	}
	return fmt.Sprintf("%s-and-later", m.state)
}

// moments are all states that a deployment goes through, and the midst of those
// that last.
var moments = []moment{
	{state: catalog.Pending},
	{state: catalog.Locked},
	{state: catalog.Pulling},
	{state: catalog.Pulling, within: 200 * time.Millisecond},
	{state: catalog.Starting},
	{state: catalog.Starting, within: 5 * time.Second},
	{state: catalog.Checking},
	{state: catalog.Checking, within: 1500 * time.Millisecond},
	{state: catalog.Flipping},
	{state: catalog.Flipping, within: 10 * time.Millisecond},
	{state: catalog.Draining},
	{state: catalog.Draining, within: 50 * time.Millisecond},
}

// statesOf are the moments at which a state is entered.
func statesOf(all []moment) []moment {
	var entered []moment
	for _, m := range all {
		if m.within == 0 {
			entered = append(entered, m)
		}
	}
	return entered
}

// abreast is how many services are deployed side by side. Most of a trial is
// waiting for the lock of a dead deployer.
const abreast = 3

// atEach tries something at each of the moments, each with a service of its own,
// some side by side.
func (w *fleetWorld) atEach(t *testing.T, all []moment, try func(t *testing.T, m moment, name string)) {
	var trials sync.WaitGroup
	turns := make(chan struct{}, abreast)
	for n, m := range all {
		trials.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			t.Run(m.String(), func(t *testing.T) {
				kind := strings.ToLower(strings.TrimPrefix(strings.Split(t.Name(), "/")[0], "Test"))
				try(t, m, fmt.Sprintf("%s-%s-%d", shop, kind[:min(len(kind), 20)], n))
			})
		})
	}
	trials.Wait()
}

// survives deploys one release and then another under load. At the moment harm is
// done; it must not return before the deployer has ended. Then the same is
// deployed again, which ends well or leaves what was live, and in either case
// nothing else.
func (s *fleetShop) survives(m moment, harm func(deployer *command)) {
	s.t.Helper()
	s.mustDeploy(first)
	l := s.startLoad(50)
	l.expect(first)
	l.settled(20)
	l.expect(first, second)

	known := s.deployments()
	deployer := s.begin(second)
	record := s.awaitState(deployer, known, m.state)
	if m.within > 0 {
		time.Sleep(rand.N(m.within))
	}
	harm(deployer)
	s.t.Logf("harmed at %s, last recorded as %s; exit code %d; it said:\n%s",
		m, s.deployment(record.ID).State, deployer.ProcessState.ExitCode(), deployer.said.String())

	live := s.liveRelease()
	again := s.deployWhenFree(second)
	switch again.code {
	case 0:
		live = second
	case 3:
	default:
		require.Fail(s.t, "the next deployment ended otherwise than well or before the flip", "exit code %d\n%s", again.code, again.out)
	}
	s.isSound(live)
}

// isSound holds that a release is live at full strength, that nothing else is
// left, and that not one request failed.
func (s *fleetShop) isSound(live string) {
	s.t.Helper()
	require.Equal(s.t, live, s.liveRelease())
	require.Eventually(s.t, func() bool { return s.passing(live) >= fleetSize*replicas }, patience, 100*time.Millisecond, "release %s is not whole", live)
	s.load.expect(live)
	s.load.settled(50)
	for _, record := range s.deployments() {
		require.True(s.t, record.State.Ended(), "deployment %s is %s", record.ID, record.State)
	}
	s.awaitNoLeftovers()
	s.load.end()
}

// awaitState follows the service's records in Consul until a deployment that is
// not among those known has entered a state, and answers its record as it was
// then. The deployer must not end before.
func (s *fleetShop) awaitState(deployer *command, known []catalog.Deployment, state catalog.DeploymentState) catalog.Deployment {
	s.t.Helper()
	old := map[string]bool{}
	for _, record := range known {
		old[record.ID] = true
	}
	consul, index := s.w.consul.Client(), uint64(0)
	for {
		ended := hasEnded(deployer)
		pairs, meta, err := consul.KV().List(catalog.NewKeys("").Deployments(s.name, production), &api.QueryOptions{WaitIndex: index, WaitTime: time.Second})
		require.NoError(s.t, err)
		index = meta.LastIndex
		for _, pair := range pairs {
			record, err := catalog.ParseDeployment(pair.Value)
			require.NoError(s.t, err)
			if !old[record.ID] && hasEntered(record, state) {
				return record
			}
		}
		if ended {
			require.Fail(s.t, "the deployer ended before", "%s; it said:\n%s", state, deployer.said.String())
		}
	}
}

func hasEntered(record catalog.Deployment, state catalog.DeploymentState) bool {
	for _, m := range record.Timeline {
		if m.State == state {
			return true
		}
	}
	return false
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
