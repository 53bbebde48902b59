//go:build integration

package integration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
	"teal/consul/consultest"
	"teal/deployer"
	"teal/deployer/hosts"
	"teal/deployer/servicefile"
)

// racers are how many services race at a time, each with an alias of its own.
const racers = 6

// A check turns critical at a random moment around a flip, five hundred times on a
// real Consul. Its own order of writes tells who came first: a flip that went
// through has a lower index than the one at which the check of an instance it
// flipped to became critical in the catalogue; every other was refused and left
// the alias as it was.
//
// Half of the services flip as a deployment does, with two instances that vouch for
// the flip; the others as people do by hand, with one.
func TestFlipNeverLandsOnWhatTurnsCritical(t *testing.T) {
	agent := consultest.Start(t)
	const tries = 500
	var tally raceTally
	var services sync.WaitGroup
	for n := range racers {
		r := newRacer(t, agent, n)
		services.Go(func() {
			r.calibrate()
			for !t.Failed() && tally.next(tries) {
				r.try(&tally)
			}
		})
	}
	services.Wait()
	t.Logf("%s", &tally)
	require.Equal(t, tries, tally.flipped+tally.refused())
	require.GreaterOrEqual(t, tally.flipped, tries/10, "so few flips were first that nothing is shown")
	require.GreaterOrEqual(t, tally.refused(), tries/10, "so few flips were refused that nothing is shown")
	require.NotZero(t, tally.atCommit, "no check turned critical between the last look and the commit")
}

// raceTally counts how tries ended. It is safe for concurrent use.
type raceTally struct {
	mu       sync.Mutex
	begun    int
	flipped  int   // first
	unfit    int   // refused, as what was read was critical already
	atBind   int   // refused, as the check could not vouch any more
	atCommit int   // refused by the commit
	nearest  int64 // the smallest distance in writes between a flip and the check that turned critical after it
}

// next tells whether one more try is to begin.
func (r *raceTally) next(most int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun++
	return r.begun <= most
}

func (r *raceTally) refused() int { return r.unfit + r.atBind + r.atCommit }

// count files a try under how it ended; distance is of a flip that went through.
func (r *raceTally) count(err error, distance int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.flipped++
		if r.nearest == 0 || distance < r.nearest {
			r.nearest = distance
		}
	case strings.Contains(err.Error(), "turned critical"):
		r.atCommit++
	case strings.Contains(err.Error(), "Unexpected response code"):
		r.atBind++
	default:
		r.unfit++
	}
}

func (r *raceTally) String() string {
	return fmt.Sprintf("%d flips: %d came before the check turned critical, the nearest by %d writes of Consul; %d were refused: %d by what was read, %d when the check was to vouch, %d in the commit",
		r.flipped+r.refused(), r.flipped, r.nearest, r.refused(), r.unfit, r.atBind, r.atCommit)
}

// racer is a service whose alias moves between two targets, while a check of the
// one it moves to turns critical.
type racer struct {
	t      *testing.T
	agent  *consultest.Agent
	store  *consul.Store
	hands  *deployer.Deployer
	name   string
	copies int
	byHand bool
	usual  time.Duration // that a flip takes
}

func newRacer(t *testing.T, agent *consultest.Agent, n int) *racer {
	t.Helper()
	store := raceStore(t, agent)
	r := &racer{
		t: t, agent: agent, store: store, name: fmt.Sprintf("race-%d", n), byHand: n%2 == 1,
		hands: deployer.New(deployer.Options{Store: store, By: "the race"}),
	}
	r.copies = map[bool]int{false: 2, true: 1}[r.byHand]
	for _, colour := range []catalog.Colour{catalog.Blue, catalog.Green} {
		for i := range r.copies {
			require.NoError(t, store.Register(t.Context(), vouching(r.id(colour, i), r.name, catalog.Target{Environment: production, Colour: colour}, "")))
		}
	}
	require.Eventually(t, func() bool { return r.passing() == 2*r.copies }, patience, time.Millisecond)
	return r
}

func raceStore(t *testing.T, agent *consultest.Agent) *consul.Store {
	t.Helper()
	store, err := consul.New(consul.Options{Address: agent.Addr})
	require.NoError(t, err)
	return store
}

// vouching is an instance with a check that says what it is told to say, and
// passes to begin with.
func vouching(id, service string, target catalog.Target, release string) catalog.Registration {
	return catalog.Registration{
		ID: id, Service: service, Address: "127.0.0.1", Port: 9,
		Tags: []string{target.Environment, string(target.Colour)},
		Meta: map[string]string{catalog.MetaContainer: id, catalog.MetaRelease: cmp.Or(release, first)},
		Checks: []catalog.Check{{
			ID: id + ":says", Name: "what it is told", TTL: time.Hour, Initial: catalog.Passing,
		}},
	}
}

func (r *racer) id(colour catalog.Colour, n int) string {
	return fmt.Sprintf("%s-%s-%d", r.name, colour, n)
}

// calibrate flips undisturbed a few times to know how long that takes.
func (r *racer) calibrate() {
	const flips = 10
	began := time.Now()
	for range flips {
		_, err := r.flip(r.read())
		if err != nil {
			r.t.Errorf("a flip that nothing disturbs: %s", err)
			return
		}
	}
	r.usual = time.Since(began) / flips
}

// readService is a service as it was read, and where its alias is to move.
type readService struct {
	*catalog.Service
	from catalog.Alias
	to   catalog.Target
}

func (r *racer) read() readService {
	s, err := r.store.Service(r.t.Context(), r.name)
	if err != nil {
		r.t.Errorf("read: %s", err)
		return readService{Service: &catalog.Service{}}
	}
	now := readService{Service: s, from: s.Aliases[production], to: catalog.Target{Environment: production, Colour: catalog.Green}}
	now.from.Name = production
	if now.from.Value.Sends(now.to) {
		now.to.Colour = catalog.Blue
	}
	return now
}

// flip moves the alias and answers its index.
func (r *racer) flip(now readService) (uint64, error) {
	to := catalog.PointTo(now.to)
	if r.byHand {
		done, err := r.hands.Flip(r.t.Context(), r.name, production, to)
		return done.Index, err
	}
	return r.store.FlipTogether(r.t.Context(), []catalog.Flip{{
		Service: r.name, Alias: production, From: now.from, To: to, By: "the race", At: time.Now(), Guards: now.Passing(now.to),
	}})
}

// try races a flip against a check once.
func (r *racer) try(tally *raceTally) {
	now := r.read()
	victim := r.id(now.to.Colour, rand.IntN(r.copies)) + ":says"
	turned := make(chan error, 1)
	go func() {
		time.Sleep(rand.N(r.usual * 2 / 3))
		turned <- r.store.Report(r.t.Context(), victim, catalog.Critical, "it fell ill")
	}()
	index, err := r.flip(now)
	if reported := <-turned; reported != nil {
		r.t.Errorf("turn %s critical: %s", victim, reported)
		return
	}
	critical := r.awaitCheck(victim, catalog.Critical)
	if wrong := r.wrong(now, index, critical, err); wrong != nil {
		r.t.Errorf("%s to %s, check critical at index %d: %s", r.name, now.to, critical, wrong)
		return
	}
	tally.count(err, int64(critical)-int64(index))
	if err := r.store.Report(r.t.Context(), victim, catalog.Passing, "it is well again"); err != nil {
		r.t.Errorf("turn %s passing: %s", victim, err)
	}
	r.awaitCheck(victim, catalog.Passing)
}

// wrong is what must not be after a try.
func (r *racer) wrong(before readService, index, critical uint64, err error) error {
	alias := r.read().from
	switch {
	case err == nil && index >= critical:
		return fmt.Errorf("the flip of index %d went to an instance that was critical", index)
	case err == nil && alias.Index != index:
		return fmt.Errorf("the flip of index %d left the alias at %d", index, alias.Index)
	case err != nil && !errors.Is(err, catalog.ErrUnhealthy):
		return fmt.Errorf("the flip was refused for another reason: %w", err)
	case err != nil && alias.Index != before.from.Index:
		return fmt.Errorf("the flip was refused and moved the alias to index %d: %w", alias.Index, err)
	}
	return nil
}

// awaitCheck waits until the catalogue has a check as it was told, and answers the
// index of that.
func (r *racer) awaitCheck(id string, status catalog.Health) uint64 {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		checks, _, err := r.agent.Client().Health().Checks(r.name, nil)
		if err != nil {
			continue
		}
		for _, c := range checks {
			if c.CheckID == id && c.Status == string(status) {
				return c.ModifyIndex
			}
		}
	}
	r.t.Errorf("check %s did not become %s in the catalogue", id, status)
	return 0
}

func (r *racer) passing() int {
	entries, _, err := r.agent.Client().Health().Service(r.name, "", true, nil)
	if err != nil {
		return 0
	}
	return len(entries)
}

// The same through whole deployments: a check of the new release turns critical at
// a random moment while the deployment flips.
func TestDeploymentNeverFlipsToWhatTurnsCritical(t *testing.T) {
	agent := consultest.Start(t)
	store := raceStore(t, agent)
	host := &standIn{store: store, t: t, containers: map[string]*catalog.Container{}}
	file := writeFile(t, "compose.yaml", `name: race
services:
  web: {image: "race:1", ports: ["80"]}
x-teal: {settle: 0s, drain: 1s, check: {tcp: true}, environments: {production: {hosts: ["unix:///stand-in"], replicas: 2}}}
`)
	spec, err := servicefile.Load(t.Context(), file, nil)
	require.NoError(t, err)
	var flipped, refused int
	for n := range times(20, 60) {
		racing := deployment{t: t, agent: agent, store: store, host: host, spec: spec, after: rand.N(12 * time.Millisecond)}
		if racing.run(n) {
			flipped++
		} else {
			refused++
		}
	}
	t.Logf("%d deployments: %d flipped before the check turned critical, %d were refused", flipped+refused, flipped, refused)
}

// deployment is one whose new release falls ill while it flips.
type deployment struct {
	t     *testing.T
	agent *consultest.Agent
	store *consul.Store
	host  *standIn
	spec  *servicefile.Spec
	after time.Duration // from when it begins to flip
}

// run deploys and tells whether it went through. That it was right to do so, or
// not to, is held.
func (d deployment) run(n int) (flipped bool) {
	d.t.Helper()
	before, err := d.store.Service(d.t.Context(), "race")
	require.NoError(d.t, err)
	turned := make(chan string, 1)
	deploy := deployer.New(deployer.Options{
		Store: d.store, By: "the race", Poll: 10 * time.Millisecond,
		Connect: func(string) (hosts.Host, error) { return d.host, nil },
		Progress: func(e deployer.Event) {
			if e.Kind == deployer.Entered && e.State == catalog.Flipping {
				go func() { time.Sleep(d.after); turned <- d.host.fallIll(e.Target) }()
			}
		},
	})
	done, err := deploy.Deploy(d.t.Context(), deployer.Request{Spec: d.spec, Environment: production, Release: fmt.Sprintf("1.%d.0", n)})
	victim := <-turned
	defer d.host.recover(victim)
	after, readErr := d.store.Service(d.t.Context(), "race")
	require.NoError(d.t, readErr)
	was, is := before.Aliases[production], after.Aliases[production]
	if err != nil {
		var failure *deployer.Failure
		require.ErrorAs(d.t, err, &failure)
		require.ErrorIs(d.t, err, catalog.ErrUnhealthy)
		require.True(d.t, failure.BeforeFlip)
		require.Equal(d.t, was.Index, is.Index, "it was refused and moved the alias")
		return false
	}
	require.True(d.t, is.Value.Sends(done.Target))
	checker := racer{t: d.t, agent: d.agent, name: "race"}
	require.Less(d.t, is.Index, checker.awaitCheck(victim, catalog.Critical), "it flipped to an instance that was critical")
	return true
}

// standIn is a host without an engine: its containers are registrations. Deployers
// only call what it has.
type standIn struct {
	hosts.Host
	t     *testing.T
	store *consul.Store

	mu         sync.Mutex
	containers map[string]*catalog.Container
	made       int
}

func (h *standIn) Name() string                                  { return "stand-in" }
func (h *standIn) Ping(context.Context) error                    { return nil }
func (h *standIn) Info(context.Context) (catalog.Machine, error) { return catalog.Machine{}, nil }

func (h *standIn) Pull(context.Context, string) (string, error) { return "sha256:race", nil }

func (h *standIn) Image(context.Context, string) (catalog.Image, error) {
	return catalog.Image{ID: "sha256:race"}, nil
}

func (h *standIn) EnsureNetwork(context.Context, string, map[string]string) error { return nil }
func (h *standIn) RemoveNetwork(context.Context, string) error                    { return nil }
func (h *standIn) Logs(context.Context, string, int) (string, error)              { return "", nil }

func (h *standIn) Create(_ context.Context, spec catalog.ContainerSpec) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.made++
	id := fmt.Sprintf("made-%d", h.made)
	h.containers[id] = &catalog.Container{ID: id, Name: spec.Name, Image: spec.Image, Labels: spec.Labels, Created: time.Now()}
	return id, nil
}

func (h *standIn) Start(ctx context.Context, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.containers[id]
	c.Running = true
	target := catalog.Target{Environment: c.Labels[catalog.LabelEnvironment], Colour: catalog.Colour(c.Labels[catalog.LabelColour])}
	return h.store.Register(ctx, vouching(id, "race", target, c.Labels[catalog.LabelRelease]))
}

func (h *standIn) Stop(ctx context.Context, id string, _ time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.containers[id]; c != nil {
		c.Running = false
	}
	return h.store.Deregister(ctx, id)
}

func (h *standIn) Rename(_ context.Context, id, name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.containers[id].Name = name
	return nil
}

func (h *standIn) Remove(_ context.Context, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.containers, id)
	return nil
}

func (h *standIn) List(_ context.Context, labels map[string]string) ([]catalog.Container, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []catalog.Container
	for _, c := range h.containers {
		fits := true
		for k, v := range labels {
			fits = fits && c.Labels[k] == v
		}
		if fits {
			all = append(all, *c)
		}
	}
	return all, nil
}

// fallIll turns a check of a target's running containers critical, and answers its
// id.
func (h *standIn) fallIll(target catalog.Target) string {
	h.mu.Lock()
	var ids []string
	for id, c := range h.containers {
		if c.Running && c.Labels[catalog.LabelColour] == string(target.Colour) {
			ids = append(ids, id)
		}
	}
	h.mu.Unlock()
	victim := ids[rand.IntN(len(ids))] + ":says"
	if err := h.store.Report(h.t.Context(), victim, catalog.Critical, "it fell ill"); err != nil {
		h.t.Errorf("turn %s critical: %s", victim, err)
	}
	return victim
}

// recover makes a check pass again, if its container is there still.
func (h *standIn) recover(check string) {
	h.mu.Lock()
	c := h.containers[strings.TrimSuffix(check, ":says")]
	h.mu.Unlock()
	if c == nil || !c.Running {
		return
	}
	if err := h.store.Report(h.t.Context(), check, catalog.Passing, ""); err != nil {
		h.t.Errorf("turn %s passing: %s", check, err)
	}
}
