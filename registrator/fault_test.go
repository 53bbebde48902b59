package registrator

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// A run of the fault test: so many steps, and a look at the outcome after each
// round of them.
const (
	faultSteps = 1000
	faultRound = 50
)

// seedVariable names a seed that failed, to see it fail again:
//
//	TEAL_FAULT_SEED=42 go test -run TestWhateverHappensTheAgentConverges ./registrator
const seedVariable = "TEAL_FAULT_SEED"

// TestWhateverHappensTheAgentConverges is the promise of the registrator: after
// one good look the registrations are like the containers, what others have
// registered is untouched, and nothing more is written. While things go wrong,
// fakeHost holds that nothing is removed after a failed list, nothing of others
// is ever written, and nothing is written twice.
func TestWhateverHappensTheAgentConverges(t *testing.T) {
	for _, seed := range faultSeeds(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("to see it again: %s=%d", seedVariable, seed)
				}
			}()
			synctest.Test(t, func(t *testing.T) { converges(t, seed) })
		})
	}
}

// faultSeeds are some that are always tried, and one that nobody has tried yet.
func faultSeeds(t *testing.T) []uint64 {
	if text := os.Getenv(seedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "%s is a number", seedVariable)
		return []uint64{seed}
	}
	if testing.Short() {
		return []uint64{1}
	}
	return []uint64{1, 2, 3, rand.Uint64N(1 << 32)}
}

func converges(t *testing.T, seed uint64) {
	h := newFakeHost(t)
	mail := newFakeMail(t)
	c := newChaos(h, mail, seed)
	neighbour := h.neighbour("host-2")
	neighbour.containers = []catalog.Container{container("c1", 80), container("c2", 443)}
	first, second := &restarted{t: t, h: h, mail: mail}, &restarted{t: t, h: neighbour, mail: newFakeMail(t)}
	for _, r := range []*restarted{first, second} {
		r.start()
		defer func() { r.end() }()
	}
	for range faultSteps / faultRound {
		c.begin()
		for range faultRound {
			c.step()
			if c.random.IntN(40) == 0 {
				first.end()
				first.start()
			}
			time.Sleep(time.Duration(c.random.IntN(2000)) * time.Millisecond)
		}
		c.end()
		for _, r := range []*restarted{first, second} {
			r.looksWell()
			truthful(t, r.h, r.mail, c.foreign)
		}
		writes := h.writeCount() + neighbour.writeCount()
		time.Sleep(10 * DefaultInterval)
		require.NoError(t, first.agent.Status().Err)
		require.NoError(t, second.agent.Status().Err)
		require.Equal(t, writes, h.writeCount()+neighbour.writeCount(), "an unchanged world is written")
		for _, id := range mail.asked() {
			require.True(t, owned(h.instance(id), h.opt.Owner), "the request to drain %s stays, which is gone", id)
		}
	}
}

// restarted is an agent that ends and starts again, with nothing remembered.
type restarted struct {
	t     *testing.T
	h     *fakeHost
	mail  *fakeMail
	agent *Agent
	end   func()
}

func (r *restarted) start() {
	agent, err := New(Config{Options: r.h.opt, Runtime: r.h, Registry: r.h, Signals: r.mail, Drains: r.mail})
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	r.agent = agent
	r.end = func() {
		cancel()
		require.NoError(r.t, <-done)
	}
}

// looksWell waits for one good look that began from now on.
func (r *restarted) looksWell() {
	r.t.Helper()
	began := time.Now()
	for time.Since(began) < time.Minute {
		listed := r.h.lastGoodList()
		if good := r.agent.Status().LastGood; listed.After(began) && !good.Before(listed) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	require.Fail(r.t, "no look was good within a minute", "%v", r.agent.Status().Err)
}

// truthful holds that the registry knows what it should of a host, and the
// foreign. Another registrator's are its own business.
func truthful(t *testing.T, h *fakeHost, mail *fakeMail, foreign map[string]catalog.Registration) {
	t.Helper()
	asked := mail.asked()
	h.mu.Lock()
	defer h.mu.Unlock()
	want := maps.Clone(foreign)
	desired, _ := Desired(h.containers, h.opt)
	for _, r := range desired {
		if _, taken := foreign[r.ID]; !taken {
			want[r.ID] = r
		}
	}
	got := map[string]catalog.Registration{}
	for id, r := range h.services {
		if _, known := foreign[id]; known || owned(r, h.opt.Owner) || r.Meta[catalog.MetaManagedBy] == "" {
			require.Equal(t, slices.Contains(asked, id), r.Maintenance != "", "%s is in maintenance for %q", id, r.Maintenance)
			got[id] = compared(r)
		}
	}
	for id, r := range want {
		want[id] = compared(r)
	}
	require.Equal(t, want, got)
}

// compared is what matters of a registration. What a check that passes says
// does not, and maintenance is looked at apart.
func compared(r catalog.Registration) catalog.Registration {
	r.Maintenance, r.Incarnation = "", ""
	r.Checks = slices.Clone(r.Checks)
	for i := range r.Checks {
		if r.Checks[i].Status == catalog.Passing {
			r.Checks[i].Output = ""
		}
	}
	return r
}
