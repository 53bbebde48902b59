//go:build integration

package integration

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul/consultest"
)

// What a router may cost that changes ten times a second. The figures to be proud
// of are a quarter of a core and 5 ms; these are for machines that do something
// else besides.
const (
	routerTime  = 30 * time.Second
	routerShare = 0.5 // of a core
	routerDelay = 2 * time.Second
)

// The services whose instances listen, and are asked while they change. Nobody
// flips those whose health changes.
const (
	flippedServices = 3
	sickServices    = 2
	probedServices  = flippedServices + sickServices
)

// TestRouterAtScale runs a router on a catalogue of 10,000 instances that changes
// as quickly as a busy day does, and measures what that costs, and how soon
// requests go elsewhere.
func TestRouterAtScale(t *testing.T) {
	m := newMeasured(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	counted := make(chan int, 1)
	go func() { counted <- m.mostConnections(ctx) }()

	pid := m.router.cmd.Process.Pid
	before, from := ticks(t, pid), time.Now()
	m.changeMuch()
	share := (ticks(t, pid) - before).Seconds() / time.Since(from).Seconds()
	cancel()
	conns := <-counted
	t.Logf("%d connections at most, %.3f of a core, with %d requests of the test", conns, share, m.asked)
	require.Positive(t, conns)
	assert.LessOrEqual(t, conns, scaleConns)
	assert.Less(t, share, routerShare)
	for _, kind := range []string{"flip", "sick", "well"} {
		took := m.took[kind]
		require.NotEmpty(t, took, kind)
		slices.Sort(took)
		t.Logf("%s: %d times, median %s, p95 %s, most %s", kind, len(took), took[len(took)/2], took[len(took)*95/100], took[len(took)-1])
		assert.Less(t, took[len(took)/2], routerDelay, kind)
	}
}

// measured is a router in a process of its own on a large population.
type measured struct {
	*population
	t      *testing.T
	router *daemon
	wire   *wire // to the router, kept for the whole test
	asked  int   // requests
	took   map[string][]time.Duration
}

func newMeasured(t *testing.T) *measured {
	t.Helper()
	agent := consultest.Start(t, consultest.DataDir(t.TempDir())) // one in development mode indents what it answers
	p := populate(t, agent.Addr, scaleServices, scaleInstances, listeners(t))
	for s := range probedServices {
		p.inTurns(s)
	}
	w := &world{consul: agent, proxy: freeAddr(t), admin: freeAddr(t)}
	began := time.Now()
	router := w.start(t, "", "router", "--listen", w.proxy, "--admin", w.admin, "--domain", "localhost", "--advertise", "127.0.0.1")
	w.awaitRouter(t)
	t.Logf("the router was ready in %s", time.Since(began).Round(time.Millisecond))
	wire, err := dialWire(t.Context(), w.proxy)
	require.NoError(t, err)
	t.Cleanup(wire.close)
	return &measured{population: p, t: t, router: router, wire: wire, took: map[string][]time.Duration{}}
}

// listeners has the instances of the probed services listen and answer their
// number; the others are nowhere.
func listeners(t *testing.T) func(service, n int) (string, int) {
	var all [probedServices][scaleInstances]*instance
	for s := range all {
		for n := range all[s] {
			all[s][n] = startInstance(t, "127.0.0.1", strconv.Itoa(n), func() {})
		}
	}
	return func(service, n int) (string, int) {
		if service < probedServices {
			return all[service][n].host, all[service][n].port
		}
		return fmt.Sprintf("10.0.%d.%d", service/250, service%250), 8000 + n
	}
}

// inTurns has a service's instances asked in turns, so that one that gets no
// requests any more is missed at once.
func (p *population) inTurns(s int) {
	p.t.Helper()
	value := []byte(fmt.Sprintf(`{"balance": %q}`, catalog.RoundRobin))
	_, err := p.api.KV().Put(&api.KVPair{Key: p.keys.Service(p.service(s)), Value: value}, nil)
	require.NoError(p.t, err)
}

// changeMuch makes changes at an even rate: of ten, six of health, three flips
// and one of membership. Of those, two flips and two changes of health are of
// services that are asked meanwhile.
func (m *measured) changeMuch() {
	tick := time.NewTicker(time.Second / scaleRate)
	defer tick.Stop()
	colours := map[int]catalog.Colour{}
	for n := range int(routerTime.Seconds()) * scaleRate {
		<-tick.C
		round := n / 10
		s := probedServices + n*37%(m.services-probedServices)
		switch n % 10 {
		case 0:
			m.changeMembers(s, round)
		case 3, 6:
			p := n / 3 % flippedServices
			colours[p] = otherColour(colours[p])
			m.measureFlip(p, colours[p])
		case 4:
			m.measureSick(flippedServices+round%sickServices, round/sickServices%(m.instances/2))
		case 7:
			m.measureWell(flippedServices+round%sickServices, round/sickServices%(m.instances/2))
		case 9:
			m.flip(s, catalog.Green)
		default:
			m.health(s, n%m.instances, api.HealthCritical)
		}
	}
}

// otherColour begins with green, as all services begin with blue.
func otherColour(c catalog.Colour) catalog.Colour {
	if c == catalog.Green {
		return catalog.Blue
	}
	return catalog.Green
}

func (m *measured) changeMembers(s, round int) {
	if round%2 == 0 {
		m.add(s, m.instances+round, fmt.Sprintf("10.9.0.%d", round), 80)
	} else {
		m.remove(s, 1)
	}
}

// measureFlip takes the time from the bare PUT until the first answer of the
// new colour.
func (m *measured) measureFlip(s int, colour catalog.Colour) {
	m.measure("flip", s, func() { m.flip(s, colour) }, func(instance string) bool {
		n, err := strconv.Atoi(instance)
		return err == nil && m.colour(n) == colour
	})
}

// measureSick takes the time from a check's change until an instance is passed
// over when it is its turn.
func (m *measured) measureSick(s, n int) {
	others := 0
	m.measure("sick", s, func() { m.health(s, n, api.HealthCritical) }, func(instance string) bool {
		others++
		if instance == strconv.Itoa(n) {
			others = 0
		}
		return others == m.instances/2
	})
}

// measureWell takes the time until it gets requests again.
func (m *measured) measureWell(s, n int) {
	m.measure("well", s, func() { m.health(s, n, api.HealthPassing) }, func(instance string) bool {
		return instance == strconv.Itoa(n)
	})
}

// measure asks a service without pause while it changes, until there says of an
// answer that the change has come.
func (m *measured) measure(kind string, s int, change func(), there func(instance string) bool) {
	m.t.Helper()
	type arrival struct {
		at  time.Time
		err error
	}
	arrived := make(chan arrival, 1)
	sent := time.Now()
	go func() {
		at, err := m.askUntil(s, there)
		arrived <- arrival{at, err}
	}()
	change()
	a := <-arrived
	require.NoError(m.t, a.err, "%s of %s", kind, m.service(s))
	m.took[kind] = append(m.took[kind], a.at.Sub(sent))
}

// askUntil asks until there is true of an answer, and tells when it came.
func (m *measured) askUntil(s int, there func(instance string) bool) (time.Time, error) {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		m.asked++
		r, err := m.wire.ask(http.MethodGet, m.service(s))
		if err != nil {
			return time.Time{}, err
		}
		if r.status != http.StatusOK {
			return time.Time{}, fmt.Errorf("answer %d %s", r.status, strings.TrimSpace(r.body))
		}
		if now := time.Now(); there(r.body) {
			return now, nil
		}
	}
	return time.Time{}, fmt.Errorf("nothing has changed in %s", patience)
}
