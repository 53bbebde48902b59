package registrator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"teal/catalog"
)

// chaos changes a host and its registry at random, and lets calls fail at random.
type chaos struct {
	h       *fakeHost
	mail    *fakeMail
	random  *rand.Rand
	faults  *rand.Rand // used with the host's lock held only
	posts   *rand.Rand // used with the mail's lock held only
	foreign map[string]catalog.Registration
	next    int // numbers the containers
}

// The registrations of others that stay throughout. A container may ask for the
// id of one.
const (
	foreignServer = "consul"
	foreignTaken  = "foreign-taken"
)

func newChaos(h *fakeHost, mail *fakeMail, seed uint64) *chaos {
	c := &chaos{
		h: h, mail: mail, random: rand.New(rand.NewPCG(seed, 1)), faults: rand.New(rand.NewPCG(seed, 2)), posts: rand.New(rand.NewPCG(seed, 3)),
		foreign: map[string]catalog.Registration{},
	}
	h.quietly(func() {
		c.addForeign(theirs(foreignServer, nil))
		c.addForeign(theirs(foreignTaken, nil))
	})
	return c
}

// begin lets everything fail now and then, until end. A call that fails may do
// so after it was carried out, or never answer before its deadline.
func (c *chaos) begin() {
	fails := func(oneIn int) func() error {
		return func() error {
			if c.faults.IntN(oneIn) == 0 {
				return errFault
			}
			return nil
		}
	}
	c.h.quietly(func() {
		c.h.listFault, c.h.readFault, c.h.streamFault = fails(3), fails(3), fails(3)
		c.h.writeFault, c.h.lateFault = fails(4), fails(4)
		c.mail.fails(func() error {
			if c.posts.IntN(3) == 0 {
				return errFault
			}
			return nil
		})
		c.h.deafness = func() bool { return c.faults.IntN(3) == 0 }
		c.h.latency = func() time.Duration {
			if c.faults.IntN(100) == 0 {
				return time.Hour
			}
			return time.Duration(c.faults.IntN(200)) * time.Millisecond
		}
	})
}

func (c *chaos) end() {
	c.h.quietly(func() {
		c.h.listFault, c.h.readFault, c.h.streamFault = nil, nil, nil
		c.h.writeFault, c.h.lateFault = nil, nil
		c.h.deafness, c.h.latency = nil, nil
		c.mail.fails(nil)
	})
}

// step does one thing that happens to hosts, and tells of it: once, twice, late
// or not at all, so that events overtake one another.
func (c *chaos) step() {
	switch c.random.IntN(20) {
	case 0:
		c.h.endStreams()
		return
	case 1:
		c.request()
		return
	}
	c.h.quietly(func() {
		if c.random.IntN(4) > 0 {
			c.containers()
		} else {
			c.registry()
		}
	})
	switch c.random.IntN(4) {
	case 0:
		c.h.tell()
		c.h.tell()
	case 1:
		time.AfterFunc(time.Duration(c.random.IntN(5000))*time.Millisecond, c.h.tell)
	default:
		c.h.tell()
	}
}

// containers lets something happen to one container.
func (c *chaos) containers() {
	switch c.random.IntN(11) {
	case 0, 1, 2:
		c.startContainer()
	case 3:
		c.withContainer(func(i int, _ *catalog.Container) { c.h.containers = slices.Delete(c.h.containers, i, i+1) })
	case 4:
		c.withContainer(func(_ int, one *catalog.Container) { // dies, or comes back
			one.Running, one.Paused, one.Started = !one.Running, false, time.Now()
		})
	case 5:
		c.withContainer(func(_ int, one *catalog.Container) { one.Name = c.name() })
	case 6:
		c.withContainer(func(_ int, one *catalog.Container) { c.replace(one) })
	case 7:
		c.withContainer(func(_ int, one *catalog.Container) {
			if one.Running || one.Paused {
				one.Running, one.Paused = one.Paused, one.Running
			}
		})
	default:
		c.withContainer(func(_ int, one *catalog.Container) { one.Health = c.health() })
	}
}

// registry lets something happen to the agent.
func (c *chaos) registry() {
	switch c.random.IntN(5) {
	case 0: // it was restarted and has lost what containers are recorded
		for id := range c.h.services {
			if id != foreignServer && id != foreignTaken {
				delete(c.h.services, id)
				delete(c.foreign, id)
			}
		}
	case 1: // it was restarted and brings a ghost back
		ghost := ours(fmt.Sprintf("host-1:ghost-%d:80", c.random.IntN(5)), 1)
		c.h.services[ghost.ID] = ghost
	case 2: // somebody has deregistered one of ours
		for _, id := range sortedIDs(c.h.services) {
			if owned(c.h.services[id], c.h.opt.Owner) {
				delete(c.h.services, id)
				break
			}
		}
	case 3:
		c.addForeign(theirs(fmt.Sprintf("foreign-%d", c.random.IntN(5)), map[string]string{"owner": c.h.opt.Owner}))
	case 4:
		id := fmt.Sprintf("foreign-%d", c.random.IntN(5))
		delete(c.h.services, id)
		delete(c.foreign, id)
	}
}

// request asks for an instance to be drained, or takes that back.
func (c *chaos) request() {
	var ids []string
	c.h.quietly(func() { ids = sortedIDs(c.h.services) })
	id := ids[c.random.IntN(len(ids))]
	r := c.h.instance(id)
	c.mail.write(func() {
		if _, asked := c.mail.requests[id]; asked {
			delete(c.mail.requests, id)
		} else if owned(r, c.h.opt.Owner) {
			c.mail.requests[id] = catalog.DrainRequest{By: "chaos", Container: r.Meta[catalog.MetaContainer], Owner: c.h.opt.Owner}
		}
	})
}

func (c *chaos) addForeign(r catalog.Registration) {
	c.foreign[r.ID] = r
	c.h.services[r.ID] = r
}

// startContainer starts one whose name another may have, as an engine's list
// shows while one replaces the other.
func (c *chaos) startContainer() {
	if len(c.h.containers) >= 25 {
		return
	}
	made := container(c.name(), 80, 443)
	labels := []string{
		"SERVICE_443_IGNORE=1", "SERVICE_CHECK_TCP=1", "SERVICE_CHECK_HTTP=/", "SERVICE_CHECK_DOCKER_HEALTH=1",
		"SERVICE_ID=same", "SERVICE_COLOUR=red", "SERVICE_80_ID=" + foreignTaken, "SERVICE_CHECK_INTERVAL=soon",
	}
	made = labelled(made, labels[c.random.IntN(len(labels))], labels[c.random.IntN(len(labels))])
	c.replace(&made)
	c.h.containers = append(c.h.containers, made)
}

// replace gives a container another incarnation under its name.
func (c *chaos) replace(one *catalog.Container) {
	c.next++
	one.ID, one.Started = fmt.Sprintf("%012d%052d", c.next, 0), time.Now()
	one.Running, one.Paused, one.Health = true, false, c.health()
	one.Ports = slices.Clone(one.Ports)
	for i := range one.Ports {
		one.Ports[i].Host = 30000 + c.next%15000*2 + i
	}
}

func (c *chaos) name() string { return fmt.Sprintf("c%d", c.random.IntN(20)) }

func (c *chaos) health() string {
	return []string{"", "starting", "healthy", "unhealthy"}[c.random.IntN(4)]
}

func (c *chaos) withContainer(do func(i int, one *catalog.Container)) {
	if n := len(c.h.containers); n > 0 {
		i := c.random.IntN(n)
		do(i, &c.h.containers[i])
	}
}
