package deployer_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/hosts"
	"teal/deployer/servicefile"
	"teal/fleet"
)

// world is a fleet in memory: hosts with containers, a registrator that sees
// them at once, Consul's keys, and routers that apply flips at once. How a
// container does is told by its image: "sick" never passes, "crash" exits.
type world struct {
	mu          sync.Mutex
	index       uint64
	containers  map[string][]*catalog.Container  // by host
	specs       map[string]catalog.ContainerSpec // what containers were made from, by id
	networks    map[string]map[string]bool       // by host
	kept        map[string][]string              // images without a container, by host
	unkept      map[string]map[string]bool       // images that were removed, by host
	aliases     map[string]catalog.Alias
	flips       map[string]catalog.FlipRecord
	releases    map[catalog.Target]catalog.Release
	deployments map[string]catalog.Deployment
	config      catalog.ServiceConfig
	configs     int                                           // how often it was written
	others      map[string]catalog.ServiceConfig              // of other services
	orphaned    bool                                          // the holder of the lock is dead
	holder      string                                        // of web's lock
	locks       map[string]string                             // who holds those of other services
	held        map[string]map[catalog.Target]catalog.Release // what other services' targets hold
	exits       map[string]int                                // what containers end with, by name
	counted     func(t catalog.Target) *fleet.Traffic         // by routers; nil for nothing
	lost        chan struct{}
	routers     []catalog.RouterRecord
	hosts       []catalog.HostRecord
	decisions   map[string]catalog.Decision // by deployment
	inFlight    map[catalog.Target]int
	deaf        map[string]bool // hosts that do not answer
	blind       map[string]bool // routers that know of no instance
	unseen      map[string]bool // hosts whose registrator is away
	port        int             // of all instances; 0 for 80
	created     int
	stops       int
	graces      map[string]time.Duration // that running containers were stopped with, by id
	wrote       []catalog.DeploymentState

	// asked is called when somebody asks for a decision, which goes on all the time
	// beside the rest; on is not.
	asked atomic.Pointer[func()]
	// on is called, without the lock, before an operation; an error is its answer.
	on func(op string, arg string) error
}

func newWorld() *world {
	return &world{
		containers: map[string][]*catalog.Container{}, specs: map[string]catalog.ContainerSpec{}, networks: map[string]map[string]bool{},
		aliases: map[string]catalog.Alias{}, flips: map[string]catalog.FlipRecord{},
		releases: map[catalog.Target]catalog.Release{}, deployments: map[string]catalog.Deployment{},
		inFlight: map[catalog.Target]int{}, deaf: map[string]bool{}, blind: map[string]bool{},
		decisions: map[string]catalog.Decision{}, kept: map[string][]string{}, unkept: map[string]map[string]bool{},
		locks: map[string]string{}, held: map[string]map[catalog.Target]catalog.Release{}, exits: map[string]int{},
		routers: []catalog.RouterRecord{{ID: "r1"}},
	}
}

func (w *world) before(ctx context.Context, op, arg string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.on == nil {
		return nil
	}
	return w.on(op, arg)
}

// names are the containers of a host that run, and in brackets those that don't,
// but for those of releases that are kept.
func (w *world) names(host string) []string {
	return slices.DeleteFunc(w.allNames(host), func(name string) bool { return strings.Contains(name, ".kept-") })
}

// keptOn are the releases that a host keeps stopped, each once.
func (w *world) keptOn(host string) []string {
	var kept []string
	for _, name := range w.allNames(host) {
		if before, release, _ := strings.Cut(name, "="); strings.Contains(before, ".kept-") {
			kept = append(kept, strings.TrimSuffix(release, ")"))
		}
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}

func (w *world) allNames(host string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, c := range w.containers[host] {
		name := c.Name + "=" + c.Labels[catalog.LabelRelease]
		if !c.Running {
			name = "(" + name + ")"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (w *world) alias(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.aliases[name].Value.String()
}

func (w *world) release(t *testing.T, target string) catalog.Release {
	t.Helper()
	tt, err := catalog.ParseTarget(target)
	require.NoError(t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.releases[tt]
}

// last is the newest deployment.
func (w *world) last(t *testing.T) catalog.Deployment {
	t.Helper()
	all, err := w.Deployments(context.Background(), "web", "")
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all[len(all)-1]
}

func (w *world) setAlias(name, value string) {
	v, err := catalog.ParseAliasValue(value)
	if err != nil {
		panic(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.index++
	w.aliases[name] = catalog.Alias{Name: name, Value: v, Index: w.index}
}

func (w *world) stopAll(host string, target catalog.Target) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.containers[host] {
		if c.Labels[catalog.LabelColour] == string(target.Colour) {
			c.Running = false
		}
	}
}

// checking tells whether the instances are waited for.
func (w *world) checking() bool { return w.in(catalog.Checking) }

// in tells whether a state is the last that was recorded.
func (w *world) in(state catalog.DeploymentState) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.wrote) > 0 && w.wrote[len(w.wrote)-1] == state
}

// health is what Docker's HEALTHCHECK says of a part, everywhere.
func (w *world) health(part, status string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, cs := range w.containers {
		for _, c := range cs {
			if c.Labels[catalog.LabelPart] == part {
				c.Health = status
			}
		}
	}
}

// instances is what the registrator makes of the containers.
func (w *world) instances() []catalog.Instance {
	var all []catalog.Instance
	for _, host := range slices.Sorted(maps.Keys(w.containers)) {
		for _, c := range w.containers[host] {
			if !c.Running || c.Labels[catalog.ServiceName] == "" || w.unseen[host] {
				continue
			}
			i := catalog.Instance{
				ID: host + ":" + c.Name, Service: c.Labels[catalog.ServiceName], Node: host, Address: "127.0.0.1", Port: cmp.Or(w.port, 80),
				Target:  catalog.Target{Colour: catalog.Colour(c.Labels[catalog.ServiceColour]), Environment: c.Labels[catalog.ServiceEnvironment]},
				Release: c.Labels[catalog.ServiceRelease], Container: c.ID, Health: catalog.Passing,
				Checks: []catalog.CheckStatus{{ID: "c", Name: "HTTP /health", Status: catalog.Passing, Output: "200 OK"}},
			}
			if strings.Contains(c.Image, "sick") {
				i.Health = catalog.Critical
				i.Checks[0] = catalog.CheckStatus{ID: "c", Name: "HTTP /health", Status: catalog.Critical, Output: "503 the database is away"}
			}
			all = append(all, i)
		}
	}
	return all
}

func (w *world) Service(ctx context.Context, name string) (*catalog.Service, error) {
	if err := w.before(ctx, "service", name); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &catalog.Service{
		Name: name, Instances: w.instancesOf(name), Config: w.config, Releases: maps.Clone(w.releasesOf(name)),
		Aliases: map[string]catalog.Alias{}, Flips: map[string]catalog.FlipRecord{},
	}
	if name != "web" {
		s.Config = w.others[name]
	}
	for key, a := range w.aliases {
		if key == aliasName(name, a.Name) {
			s.Aliases[a.Name] = a
		}
	}
	for name, a := range s.Aliases {
		if flip, ok := w.flips[aliasName(s.Name, a.Name)]; ok {
			s.Flips[name] = flip
		}
	}
	return s, nil
}

// instancesOf are those of one service.
func (w *world) instancesOf(service string) []catalog.Instance {
	return slices.DeleteFunc(w.instances(), func(i catalog.Instance) bool { return i.Service != service })
}

// releasesOf is what a service's targets hold. The caller holds mu.
func (w *world) releasesOf(service string) map[catalog.Target]catalog.Release {
	if service == "web" {
		return w.releases
	}
	if w.held[service] == nil {
		w.held[service] = map[catalog.Target]catalog.Release{}
	}
	return w.held[service]
}

// holderOf is who holds a service's lock. The caller holds mu.
func (w *world) holderOf(service string) string {
	if service == "web" {
		return w.holder
	}
	return w.locks[service]
}

// hold gives a service's lock to somebody. The caller holds mu.
func (w *world) hold(service, session string) {
	if service == "web" {
		w.holder = session
		return
	}
	w.locks[service] = session
}

func (w *world) Flip(ctx context.Context, f catalog.Flip) (uint64, error) {
	return w.FlipTogether(ctx, []catalog.Flip{f})
}

func (w *world) FlipTogether(ctx context.Context, flips []catalog.Flip) (uint64, error) {
	for _, f := range flips {
		if err := w.before(ctx, "flip", f.Alias); err != nil {
			return 0, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range flips {
		if err := w.mayFlip(f); err != nil {
			return 0, err
		}
	}
	w.index++
	for _, f := range flips {
		w.flip(f)
	}
	for n := range w.routers {
		w.routers[n].Applied = w.index
	}
	return w.index, nil
}

// aliasName is how an alias is called in the world: those of other services
// than web with their service.
func aliasName(service, alias string) string {
	if service == "web" {
		return alias
	}
	return service + "/" + alias
}

// mayFlip is why a flip is refused. The caller holds mu.
func (w *world) mayFlip(f catalog.Flip) error {
	now := w.aliases[aliasName(f.Service, f.Alias)]
	if now.Index != f.From.Index {
		return fmt.Errorf("%s of %s is %s now: %w", f.Alias, f.Service, now.Value, catalog.ErrMoved)
	}
	if f.LockSession != "" && w.holderOf(f.Service) != f.LockSession {
		return fmt.Errorf("flip %s: %w", f.Service, catalog.ErrLockLost)
	}
	for _, g := range f.Guards {
		if !slices.ContainsFunc(w.instances(), func(i catalog.Instance) bool { return i.ID == g.ID && i.Routable() }) {
			return fmt.Errorf("%s: %w", g.ID, catalog.ErrUnhealthy)
		}
	}
	if now.Value.String() == f.To.String() {
		panic("Consul does not count the same value as a change")
	}
	return nil
}

// flip writes what a flip writes, at the world's index. The caller holds mu.
func (w *world) flip(f catalog.Flip) {
	name := aliasName(f.Service, f.Alias)
	w.aliases[name] = catalog.Alias{Name: f.Alias, Value: f.To, Index: w.index}
	record := f.Record()
	record.Index = w.index
	w.flips[name] = record
	maps.Copy(w.releasesOf(f.Service), f.Releases)
	if f.Deployment != nil {
		w.deployments[f.Deployment.ID] = *f.Deployment
		w.wrote = append(w.wrote, f.Deployment.State)
	}
}

func (w *world) Hosts(ctx context.Context) ([]catalog.HostRecord, error) {
	if err := w.before(ctx, "hosts", ""); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.hosts), nil
}

func (w *world) Decide(ctx context.Context, service, env, id string, d catalog.Decision) error {
	if err := w.before(ctx, "decide", string(d.Verdict)); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch about, ok := w.deployments[id]; {
	case !ok:
		return fmt.Errorf("decide %s: there is no such deployment", id)
	case about.State.Ended():
		return fmt.Errorf("decide %s: it has ended: %s", id, about.State)
	case d.Verdict == catalog.Approve && w.decisions[id].Verdict == catalog.Abort:
		return fmt.Errorf("decide %s: it is being aborted", id)
	}
	w.index++
	d.Index = w.index
	w.decisions[id] = d
	return nil
}

func (w *world) Decision(ctx context.Context, service, env, id string) (catalog.Decision, bool, error) {
	if then := w.asked.Load(); then != nil {
		(*then)()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	d, ok := w.decisions[id]
	return d, ok, nil
}

func (w *world) Lock(ctx context.Context, service, env string, rec catalog.LockRecord) (string, <-chan struct{}, error) {
	if err := w.before(ctx, "lock", env); err != nil {
		return "", nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holderOf(service) != "" {
		return "", nil, fmt.Errorf("ops@somewhere has held it for 3 s: %w", catalog.ErrLocked)
	}
	lost := make(chan struct{})
	if service == "web" {
		w.lost = lost
	}
	w.hold(service, rec.Deployment)
	return rec.Deployment, lost, nil
}

func (w *world) Unlock(ctx context.Context, service, env, session string) error {
	if err := w.before(ctx, "unlock", env); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holderOf(service) == session {
		w.hold(service, "")
	}
	return nil
}

// breakLock gives the lock to nobody, as when its session ends.
func (w *world) breakLock() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holder != "" {
		w.holder = ""
		close(w.lost)
	}
}

func (w *world) holds(service, session string) error {
	if session == "" || w.holderOf(service) != session {
		return fmt.Errorf("write: %w", catalog.ErrLockLost)
	}
	return nil
}

func (w *world) PutDeployment(ctx context.Context, d catalog.Deployment, session string) error {
	if err := w.before(ctx, "deployment", string(d.State)); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.holds(d.Service, session); err != nil {
		return err
	}
	if w.deployments[d.ID].HasPassed(d) {
		return fmt.Errorf("write %s over %s: %w", d.State, w.deployments[d.ID].State, catalog.ErrChanged)
	}
	parsed, err := catalog.ParseDeployment(d.Encode()) // only what JSON keeps survives
	if err != nil {
		return err
	}
	w.deployments[d.ID] = parsed
	w.wrote = append(w.wrote, d.State)
	return nil
}

func (w *world) Deployments(ctx context.Context, service, env string) ([]catalog.Deployment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []catalog.Deployment
	for _, id := range slices.Sorted(maps.Keys(w.deployments)) {
		if d := w.deployments[id]; d.Service == service && (env == "" || d.Environment == env) {
			all = append(all, d)
		}
	}
	return all, ctx.Err()
}

func (w *world) StageRelease(ctx context.Context, service string, t catalog.Target, old *catalog.Release, r catalog.Release, alias catalog.Alias, session string) error {
	if err := w.before(ctx, "release", string(r.State)); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.holds(service, session); err != nil {
		return err
	}
	now, held := w.releasesOf(service)[t]
	if w.aliases[aliasName(service, t.Environment)].Index != alias.Index || held != (old != nil) || held && now.State != old.State {
		return fmt.Errorf("stage %s: %w", t, catalog.ErrMoved)
	}
	w.releasesOf(service)[t] = r
	return nil
}

func (w *world) PutRelease(ctx context.Context, service string, t catalog.Target, r catalog.Release, session string) error {
	if err := w.before(ctx, "release", string(r.State)); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.holds(service, session); err != nil {
		return err
	}
	w.releasesOf(service)[t] = r
	return nil
}

func (w *world) DeleteRelease(ctx context.Context, service string, t catalog.Target, session string) error {
	if err := w.before(ctx, "delete-release", t.String()); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.releasesOf(service), t)
	return w.holds(service, session)
}

func (w *world) UpdateServiceConfig(ctx context.Context, service string, change func(catalog.ServiceConfig) catalog.ServiceConfig) error {
	if err := w.before(ctx, "config", service); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if service != "web" {
		if w.others == nil {
			w.others = map[string]catalog.ServiceConfig{}
		}
		w.others[service] = change(w.others[service])
		return nil
	}
	if c := change(w.config); string(w.config.Encode()) != string(c.Encode()) {
		w.config = c
		w.configs++
	}
	return nil
}

func (w *world) Routers(ctx context.Context) ([]catalog.RouterRecord, error) {
	if err := w.before(ctx, "routers", ""); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.routers), ctx.Err()
}

// Target is what routers answer: they see instances at once, except those of
// blind routers.
func (w *world) Target(ctx context.Context, router catalog.RouterRecord, service string, t catalog.Target) (fleet.TargetView, error) {
	if err := w.before(ctx, "target", router.ID); err != nil {
		return fleet.TargetView{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	view := fleet.TargetView{InFlight: w.inFlight[t], Applied: router.Applied}
	if w.counted != nil {
		view.Traffic = w.counted(t)
	}
	for _, i := range w.instancesOf(service) {
		held, recorded := w.releasesOf(service)[t]
		if i.Target == t && !w.blind[router.ID] && (!recorded || held.ID == i.Release) {
			view.Routed++
		}
	}
	return view, ctx.Err()
}

// engine is one host of the world.
type engine struct {
	*world
	name string
}

func (w *world) connect(endpoint string) (hosts.Host, error) { return engine{w, endpoint}, nil }

func (e engine) Name() string { return e.name }

func (e engine) Ping(ctx context.Context) error {
	if err := e.before(ctx, "ping", e.name); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.deaf[e.name] {
		return errors.New("connection refused")
	}
	return nil
}

func (e engine) Info(ctx context.Context) (catalog.Machine, error) {
	return catalog.Machine{Engine: "engine of " + e.name, Cores: 2, Memory: 1 << 30, Docker: "1"}, e.before(ctx, "info", e.name)
}

func (e engine) Pull(ctx context.Context, image string) (string, error) {
	if strings.Contains(image, "missing") {
		return "", errors.New("no such image")
	}
	if err := e.before(ctx, "pull", image); err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.unkept[e.name], image)
	return "sha256:" + image, nil
}

// Image knows every image that is not called missing, under its own name and,
// unless it is called local, under its digest in a registry.
func (e engine) Image(ctx context.Context, ref string) (catalog.Image, error) {
	if err := e.before(ctx, "image", ref); err != nil {
		return catalog.Image{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if strings.Contains(ref, "missing") || e.unkept[e.name][ref] {
		return catalog.Image{}, fmt.Errorf("image %s: %w", ref, catalog.ErrNoImage)
	}
	return imageOf(ref), nil
}

func imageOf(ref string) catalog.Image {
	image := catalog.Image{ID: "sha256:" + ref, Tags: []string{ref}, Created: time.Unix(1, 0), Size: 1 << 20}
	if !strings.Contains(ref, "local") {
		name, _, _ := strings.Cut(ref, ":")
		image.Digests = []string{name + "@sha256:" + ref}
	}
	return image
}

// Images are those that containers of the host are made from, and those kept.
func (e engine) Images(ctx context.Context, repository string) ([]catalog.Image, error) {
	if err := e.before(ctx, "images", repository); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	refs := slices.Clone(e.kept[e.name])
	for _, c := range e.containers[e.name] {
		refs = append(refs, c.Image)
	}
	slices.Sort(refs)
	var all []catalog.Image
	for _, ref := range slices.Compact(refs) {
		if name, _, _ := strings.Cut(ref, ":"); name == repository && !e.unkept[e.name][ref] {
			all = append(all, imageOf(ref))
		}
	}
	return all, nil
}

func (e engine) RemoveImage(ctx context.Context, id string) error {
	if err := e.before(ctx, "remove-image", id); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	ref := strings.TrimPrefix(id, "sha256:")
	for _, c := range e.containers[e.name] {
		if c.Image == ref {
			return fmt.Errorf("remove image %s: %w by %s", id, catalog.ErrInUse, c.Name)
		}
	}
	if e.unkept[e.name] == nil {
		e.unkept[e.name] = map[string]bool{}
	}
	e.unkept[e.name][ref] = true
	return nil
}

func (e engine) EnsureNetwork(ctx context.Context, name string, labels map[string]string) error {
	if err := e.before(ctx, "network", name); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.networks[e.name] == nil {
		e.networks[e.name] = map[string]bool{}
	}
	e.networks[e.name][name] = true
	return nil
}

func (e engine) RemoveNetwork(ctx context.Context, name string) error {
	if err := e.before(ctx, "remove-network", name); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.networks[e.name], name)
	return nil
}

func (e engine) Create(ctx context.Context, spec catalog.ContainerSpec) (string, error) {
	if err := e.before(ctx, "create", spec.Name); err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.containers[e.name] {
		if c.Name == spec.Name {
			return "", fmt.Errorf("create %s: %w", spec.Name, catalog.ErrNameTaken)
		}
	}
	e.created++
	c := &catalog.Container{
		ID: fmt.Sprintf("%s-%d", e.name, e.created), Name: spec.Name, Image: spec.Image, Labels: maps.Clone(spec.Labels), StopGrace: spec.StopGrace,
		Created: time.Unix(int64(e.created), 0),
	}
	e.containers[e.name] = append(e.containers[e.name], c)
	e.specs[c.ID] = spec
	return c.ID, nil
}

func (e engine) Describe(ctx context.Context, id string) (spec catalog.ContainerSpec, err error) {
	if err := e.before(ctx, "describe", id); err != nil {
		return spec, err
	}
	return spec, e.with(id, func(c *catalog.Container) {
		spec = e.specs[id]
		spec.Name, spec.Labels = c.Name, maps.Clone(c.Labels)
	})
}

// with does something to a container.
func (e engine) with(id string, do func(c *catalog.Container)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.containers[e.name] {
		if c.ID == id {
			do(c)
			return nil
		}
	}
	return fmt.Errorf("no container %s", id)
}

func (e engine) Start(ctx context.Context, id string) error {
	if err := e.before(ctx, "start", id); err != nil {
		return err
	}
	return e.with(id, func(c *catalog.Container) {
		c.Started = time.Now()
		c.Running = !strings.Contains(c.Image, "crash") && !strings.Contains(c.Image, "job")
		if h := e.specs[id].Healthcheck; h != nil && h.Test[0] != catalog.HealthcheckNone {
			c.Health = "starting"
		}
		if strings.Contains(c.Image, "crash") {
			c.ExitCode = 3
		}
	})
}

func (e engine) Stop(ctx context.Context, id string, grace time.Duration) error {
	if err := e.before(ctx, "stop", id); err != nil {
		return err
	}
	return e.with(id, func(c *catalog.Container) {
		if c.Running {
			e.stops++
			if e.graces == nil {
				e.graces = map[string]time.Duration{}
			}
			e.graces[c.ID] = grace
		}
		c.Running = false
	})
}

// Wait answers what Start has left: jobs end at once.
func (e engine) Wait(ctx context.Context, id string) (code int, err error) {
	if err := e.before(ctx, "wait", id); err != nil {
		return 0, err
	}
	return code, e.with(id, func(c *catalog.Container) { code = max(c.ExitCode, e.exits[c.Name]) })
}

func (e engine) Rename(ctx context.Context, id, name string) error {
	if err := e.before(ctx, "rename", name); err != nil {
		return err
	}
	return e.with(id, func(c *catalog.Container) { c.Name = name })
}

func (e engine) Remove(ctx context.Context, id string) error {
	if err := e.before(ctx, "remove", id); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.containers[e.name] = slices.DeleteFunc(e.containers[e.name], func(c *catalog.Container) bool {
		if c.ID == id && c.Running {
			panic("a running container was removed: " + c.Name)
		}
		return c.ID == id
	})
	return nil
}

func (e engine) List(ctx context.Context, labels map[string]string) ([]catalog.Container, error) {
	if err := e.before(ctx, "list", e.name); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []catalog.Container
	for _, c := range e.containers[e.name] {
		match := true
		for k, v := range labels {
			match = match && c.Labels[k] == v
		}
		if match {
			found = append(found, *c)
		}
	}
	return found, nil
}

func (e engine) Logs(ctx context.Context, id string, lines int) (string, error) {
	if err := e.before(ctx, "logs", id); err != nil {
		return "", err
	}
	return "log of " + id + "\n", nil
}

func (e engine) Follow(ctx context.Context, id string, lines int, out io.Writer) error {
	if err := e.before(ctx, "follow", id); err != nil {
		return err
	}
	_, err := io.WriteString(out, "log of "+id+"\n")
	return err
}

var (
	_ deployer.Store = (*world)(nil)
	_ hosts.Host     = engine{}
	_ deployer.Fleet = (*world)(nil)
)

// deployer is one whose waits are short.
func (w *world) deployer() *deployer.Deployer {
	return deployer.New(deployer.Options{
		Store: w, Connect: w.connect, Fleet: w, By: "test@here",
		Poll: time.Millisecond, Acknowledge: 2 * time.Second, Routed: 2 * time.Second, GatePoll: time.Millisecond, Insist: time.Millisecond,
	})
}

// spec is a service with one linked part on two hosts, two replicas each.
func spec(image string) *servicefile.Spec {
	return &servicefile.Spec{
		Path: "compose.yml", Service: "web", Routed: "web", Port: 80,
		Check:  servicefile.Check{HTTP: "/health", Interval: time.Second, Timeout: time.Second},
		Settle: 5 * time.Millisecond, Timeout: 150 * time.Millisecond, Drain: 30 * time.Millisecond,
		Description: "A shop",
		Environments: map[string]servicefile.Environment{
			"production":  {Name: "production", Hosts: []string{"a", "b"}, Replicas: 2, Coloured: true},
			"integration": {Name: "integration", Hosts: []string{"a"}, Replicas: 1},
		},
		Parts: []servicefile.Part{
			{Name: "db", Image: "db"},
			{Name: "web", Image: image, Ports: []catalog.Port{{Private: 80, Protocol: "tcp"}}, After: []servicefile.Dependency{{Part: "db", Condition: servicefile.Started}}},
		},
	}
}

func request(image, release string) deployer.Request {
	return deployer.Request{Spec: spec(image), Environment: "production", Release: release}
}

// deploy deploys and expects success.
func (w *world) deploy(t *testing.T, release string) catalog.Deployment {
	t.Helper()
	d, err := w.deployer().Deploy(t.Context(), request("good", release))
	require.NoError(t, err)
	require.Equal(t, catalog.Succeeded, d.State)
	return d
}

// laggingRouters has a router that applies nothing.
type laggingRouters struct{ *world }

func (l *laggingRouters) Routers(ctx context.Context) ([]catalog.RouterRecord, error) {
	all, err := l.world.Routers(ctx)
	return append(all, catalog.RouterRecord{ID: "slow"}), err
}
