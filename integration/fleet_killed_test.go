//go:build integration

package integration

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// ending is how long a deployer may take to end after what it needs has gone or
// has come back.
const ending = 4 * time.Minute

// newHarmWorld is a fleet with all images that the moments need.
func newHarmWorld(t *testing.T) *fleetWorld {
	t.Helper()
	w := newFleetWorld(t)
	w.images(t, first, second)
	w.push(t, "job:1.0.0", "teal/integration/testimage/job")
	return w
}

// Whatever happens to a deployer, at whatever state: the next run finishes or
// reverts what it left, and nobody notices.
func TestDeployerSurvivesAtEveryState(t *testing.T) {
	w := newHarmWorld(t)
	w.abreast(t, slices.Concat(w.deaths(), w.outages(), w.engineLosses()))
	for _, one := range w.hostLosses() { // one after the other: the host is everybody's
		w.abreast(t, []trial{one})
	}
}

// deaths are kill -9, at every moment.
func (w *fleetWorld) deaths() []trial {
	var all []trial
	for _, m := range moments {
		all = append(all, trial{"killed", m, func(t *testing.T, name string) {
			w.newShop(t, name, m.service()).harm(m, (*command).kill).again()
		}})
	}
	return append(all, w.approvedAfterDeath())
}

// approvedAfterDeath is a deployer that dies while it waits for somebody's word,
// who then says yes.
func (w *fleetWorld) approvedAfterDeath() trial {
	m := only(moments, catalog.AwaitingApproval)[0]
	return trial{"killed and then approved", m, func(t *testing.T, name string) {
		h := w.newShop(t, name, m.service()).harm(m, (*command).kill)
		done := h.approveAndResume()
		require.Equal(t, exitDone, done.code, done.out)
		require.Equal(t, catalog.Succeeded, h.deployment(h.record.ID).State)
		h.isSound(second)
		h.figures(done)
	}}
}

// consulOutage is how Consul is away for a deployer.
type consulOutage struct {
	name string
	away time.Duration
	cut  func(*forwarder)
	// usual is the state at which this is tried each time.
	usual catalog.DeploymentState
}

// Consul is away for less than a lock lives, or for more.
const (
	brief = 4 * time.Second
	long  = 25 * time.Second
)

var consulOutages = []consulOutage{
	{"hangs briefly", brief, (*forwarder).hang, catalog.Checking},
	{"refuses briefly", brief, (*forwarder).refuse, ""},
	{"hangs until the lock is lost", long, (*forwarder).hang, catalog.Flipping},
	{"refuses until the lock is lost", long, (*forwarder).refuse, ""},
}

// outages are Consul that is away for the deployer. Briefly, that is not noticed;
// when the lock is lost the deployer says so and leaves the rest to the next run.
func (w *fleetWorld) outages() []trial {
	var all []trial
	for _, o := range consulOutages {
		for _, m := range states() {
			m.rare = o.usual != m.state || m.note != ""
			all = append(all, trial{"Consul " + o.name, m, func(t *testing.T, name string) {
				w.newShop(t, name, m.service()).bearsOutage(m, o)
			}})
		}
	}
	return all
}

func (s *fleetShop) bearsOutage(m moment, o consulOutage) {
	s.t.Helper()
	h := s.harm(m, func(deployer *command) {
		o.cut(s.wire)
		time.Sleep(o.away)
		s.wire.restore(s.t)
		s.endOf(deployer, m)
	})
	switch {
	case h.first.code == exitDone || m.back && h.first.code == exitRolledBack:
	case o.away == brief:
		require.Fail(s.t, "it did not come through", "exit code %d", h.first.code)
	default:
		require.Regexp(s.t, "the lock was lost|lock .*lost|Consul", h.first.out)
	}
	h.again()
}

// endOf waits for the end of a deployer, which somebody approves of if it waits
// for that.
func (s *fleetShop) endOf(deployer *command, m moment) {
	s.t.Helper()
	if m.state == catalog.AwaitingApproval && !s.hasLost(deployer) {
		s.approve()
	}
	deployer.wait(s.t, ending)
}

// hasLost tells whether a deployer has lost its lock, or has ended.
func (s *fleetShop) hasLost(deployer *command) bool {
	s.t.Helper()
	pair, _, err := s.w.consul.Client().KV().Get(catalog.NewKeys("").Lock(s.name, production), nil)
	require.NoError(s.t, err)
	return pair == nil || pair.Session == "" || hasEnded(deployer)
}

// hostPolicy is how many hosts a deployment needs.
type hostPolicy struct {
	name   string
	lines  []string // below the environment
	enough bool     // without one
}

var hostPolicies = []hostPolicy{
	{"all are needed", nil, false},
	{"two will do", []string{"at_least: 2"}, true},
}

// engineLosses are an engine that hangs for the deployer until that has ended, and
// is back for the next.
func (w *fleetWorld) engineLosses() []trial {
	return losses("an engine hangs where ", []catalog.DeploymentState{catalog.Checking, catalog.Starting}, func(t *testing.T, name string, m moment, p hostPolicy) {
		s := w.newWiredShop(t, name, m.service())
		h := s.harm(m, func(deployer *command) {
			s.engines[1].hang()
			s.endOf(deployer, m)
			s.engines[1].restore(t)
		})
		h.cameThrough(p)
		h.again()
	})
}

// hostLosses are a host that loses its power, with its share of the live
// instances, and comes back before the next deployment. Requests that were under
// way there are lost; once Consul has noticed, no other is.
func (w *fleetWorld) hostLosses() []trial {
	return losses("a host has no power where ", []catalog.DeploymentState{catalog.Checking, ""}, func(t *testing.T, name string, m moment, p hostPolicy) {
		s := w.newShop(t, name, m.service())
		back := func() {}
		t.Cleanup(func() { back() }) // the others need it whatever came of this
		h := s.harm(m, func(deployer *command) {
			w.stopHost(2)
			back = sync.OnceFunc(func() { w.startHost(2); w.awaitBack(t, 2) })
			w.awaitLost(t, 2)
			s.load.forgive()
			s.endOf(deployer, m)
		})
		h.cameThrough(p)
		back()
		s.load.settled(20)
		h.again()
	})
}

// losses are a host that is lost, for each policy and state; each time for one
// usual state of each policy.
func losses(kind string, usual []catalog.DeploymentState, try func(*testing.T, string, moment, hostPolicy)) []trial {
	var all []trial
	for n, p := range hostPolicies {
		for _, m := range states() {
			m.rare = usual[n] != m.state
			m.file.production = slices.Concat(p.lines, m.file.production)
			all = append(all, trial{kind + p.name, m, func(t *testing.T, name string) { try(t, name, m, p) }})
		}
	}
	return all
}

// cameThrough holds how a deployment ends that has lost a host: where the others
// will do it comes through, and otherwise nobody has noticed it.
func (h *harmed) cameThrough(p hostPolicy) {
	h.t.Helper()
	switch code := h.first.code; {
	case code == exitDone, h.at.back && code == exitRolledBack:
	case p.enough && !h.at.back, code != exitUntouched && code != exitRolledBack:
		require.Fail(h.t, "it ended otherwise", "exit code %d", code)
	default:
		require.Equal(h.t, first, h.liveRelease())
	}
}
