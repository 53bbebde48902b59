package registrator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// chaos changes a host at random, and lets things fail at random.
type chaos struct {
	h      *fakeHost
	random *rand.Rand
	faults *rand.Rand // used with the host's lock held only
	next   int
}

func (c *chaos) fails() error {
	if c.faults.IntN(3) == 0 {
		return errFault
	}
	return nil
}

// begin lets everything fail now and then, until end.
func (c *chaos) begin() {
	c.h.quietly(func() {
		c.h.listFault, c.h.readFault, c.h.writeFault, c.h.streamFault = c.fails, c.fails, c.fails, c.fails
		c.h.deafness = func() bool { return c.faults.IntN(3) == 0 }
	})
}

func (c *chaos) end() {
	c.h.quietly(func() {
		c.h.listFault, c.h.readFault, c.h.writeFault, c.h.streamFault, c.h.deafness = nil, nil, nil, nil, nil
	})
}

// step does one thing that happens to hosts.
func (c *chaos) step() {
	if c.random.IntN(10) == 0 {
		c.h.endStreams()
		return
	}
	c.h.change(func() {
		switch c.random.IntN(8) {
		case 0, 1:
			c.startContainer()
		case 2, 3:
			c.withContainer(func(i int) { c.h.containers = slices.Delete(c.h.containers, i, i+1) })
		case 4:
			c.withContainer(func(i int) { c.h.containers[i].Running = !c.h.containers[i].Running })
		case 5:
			c.withContainer(func(i int) { c.h.containers[i].Name += "-old" })
		case 6: // the agent was restarted and has lost all
			for id, r := range c.h.services {
				if owned(r, options.Owner) {
					delete(c.h.services, id)
				}
			}
		case 7: // the agent was restarted and brings a ghost back
			ghost := ours(fmt.Sprintf("host-1:ghost-%d:80", c.random.IntN(5)), 1)
			c.h.services[ghost.ID] = ghost
		}
	})
}

func (c *chaos) startContainer() {
	c.next++
	made := container(fmt.Sprintf("c%d", c.random.IntN(20)), 80, 443)
	made.ID = fmt.Sprintf("%064d", c.next)
	made.Ports[0].Host, made.Ports[1].Host = 30000+2*c.next, 30001+2*c.next
	labels := []string{"SERVICE_443_IGNORE=1", "SERVICE_CHECK_TCP=1", "SERVICE_ID=same", "SERVICE_COLOUR=red", "SERVICE_80_ID=foreign-1"}
	c.h.containers = append(c.h.containers, labelled(made, labels[c.random.IntN(len(labels))]))
}

func (c *chaos) withContainer(do func(i int)) {
	if n := len(c.h.containers); n > 0 {
		do(c.random.IntN(n))
	}
}

// TestWhateverHappensTheAgentConverges is the promise of the registrator: after
// one good look the registrations are like the containers, what others have
// registered is untouched, and nothing more is written.
func TestWhateverHappensTheAgentConverges(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { converges(t, uint64(seed)) })
		})
	}
}

func converges(t *testing.T, seed uint64) {
	h := newFakeHost(t)
	c := &chaos{h: h, random: rand.New(rand.NewPCG(seed, 1)), faults: rand.New(rand.NewPCG(seed, 2))}
	foreign := map[string]catalog.Registration{
		"consul": theirs("consul", nil), "foreign-1": theirs("foreign-1", nil),
		"other-host": theirs("other-host", map[string]string{"managed-by": "teal", "owner": "host-2"}),
	}
	for id, r := range foreign {
		h.services[id] = r
	}
	agent := running(t, h)
	for range 3 {
		c.begin()
		for range 60 {
			c.step()
			time.Sleep(time.Duration(c.random.IntN(2000)) * time.Millisecond)
		}
		c.end()
		time.Sleep(2 * DefaultInterval)
		settled(t, h, foreign)
		require.NoError(t, agent.Status().Err)
		writes := h.writeCount()
		time.Sleep(10 * DefaultInterval)
		require.Equal(t, writes, h.writeCount(), "an unchanged world is written")
	}
}

// settled holds that the registry knows what it should, and the foreign.
func settled(t *testing.T, h *fakeHost, foreign map[string]catalog.Registration) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	desired, _ := Desired(h.containers, options)
	want := map[string]catalog.Registration{}
	for _, r := range desired {
		want[r.ID] = r
	}
	for id, r := range foreign {
		want[id] = r
	}
	require.Equal(t, want, h.services)
}
